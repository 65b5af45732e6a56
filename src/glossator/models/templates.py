"""Chat templates of the models that are put together here.

A text model's own template knows texts only. `FLATTEN` stands before it and makes one text of each message's blocks,
a picture being LLaVA's `<image>` and a line break; what follows is the template as its model was trained with it.
"""

IMAGE_TOKEN = "<image>"
FLATTEN = """{%- set flat = namespace(messages=[]) -%}
{%- for message in messages -%}
{%- if message['content'] is string -%}{%- set text = message['content'] -%}
{%- else -%}{%- set parts = namespace(text='') -%}
{%- for block in message['content'] -%}
{%- if block['type'] == 'image' -%}{%- set parts.text = parts.text + '<image>\\n' -%}
{%- else -%}{%- set parts.text = parts.text + block['text'] -%}{%- endif -%}
{%- endfor -%}{%- set text = parts.text -%}{%- endif -%}
{%- set flat.messages = flat.messages + [{'role': message['role'], 'content': text}] -%}
{%- endfor -%}{%- set messages = flat.messages -%}"""
_VICUNA = (
    "{% if messages[0]['role'] == 'system' %}{{ messages[0]['content'] + ' ' }}{% else %}"
    '{{ "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, '
    "detailed, and polite answers to the user's questions. \" }}{% endif %}"
    "{% for message in messages %}{% if message['role'] == 'user' %}{{ 'USER: ' + message['content'] + ' ' }}"
    "{% elif message['role'] == 'assistant' %}{{ 'ASSISTANT: ' + message['content'] + eos_token }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
TEMPLATES = {"vicuna": _VICUNA}  # of models whose tokenizer brings none
