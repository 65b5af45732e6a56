// The captioning page: write, save, next, without leaving the keyboard.

const main = document.getElementById("main");
const form = document.getElementById("form");

if (form) {
  const caption = document.getElementById("caption");
  const error = document.getElementById("error");
  const saved = { text: caption.value };

  const goTo = (image) => {
    if (!image) return;
    const unsaved = caption.value.trim() !== saved.text.trim();
    if (unsaved && !window.confirm("Leave without saving what you have written?")) return;
    window.location.assign(`/captions?image_id=${encodeURIComponent(image)}`);
  };

  const save = async () => {
    error.textContent = "";
    try {
      const answer = await fetch("/api/captions", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ image_id: main.dataset.image, caption: caption.value }),
      });
      if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error || `the server said ${answer.status}`);
      saved.text = caption.value;
      window.location.assign(`/captions?after=${encodeURIComponent(main.dataset.image)}`);
    } catch (problem) {
      error.textContent = `Not saved: ${problem.message}. Your text is still here; try again.`;
    }
  };

  // Hints, no rules: what guides to good captions ask for, seen in the text so far.
  const seen = {
    what: /\b(receipt|invoice|form|chart|graph|table|poster|screenshot|letter|page|sign|menu|map|ticket|photo|document|cover|label|slide|advert\w*)\b/i,
    says: /["“”'«»]|\d/,
    where: /\b(top|bottom|left|right|middle|centre|center|corner|above|below|under|beside|next to|row|column|header|footer)\b/i,
    looks: /\b(red|green|blue|black|white|yellow|grey|gray|orange|brown|pink|purple|dark|light|bold|large|small|hand-?writ\w*|stamp\w*|logo|crossed|faded|background|colou?r\w*|photo|drawing|icon)\b/i,
  };
  const meter = document.getElementById("meter");
  const measure = () => {
    const words = caption.value.trim().split(/\s+/).filter(Boolean).length;
    meter.textContent = words === 0 ? "" : `${words} words${words < 15 ? "; most good captions have 20 to 60" : ""}`;
    for (const [name, pattern] of Object.entries(seen)) {
      document.getElementById(name).classList.toggle("seen", pattern.test(caption.value));
    }
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
  caption.addEventListener("input", measure);
  document.getElementById("back").addEventListener("click", () => goTo(main.dataset.before));
  document.getElementById("skip").addEventListener("click", () => goTo(main.dataset.after));
  document.getElementById("lines").addEventListener("click", (event) => {
    const line = event.target.closest(".line");
    if (!line || caption.readOnly) return;
    caption.setRangeText(`"${line.textContent}"`, caption.selectionStart, caption.selectionEnd, "end");
    caption.focus();
    measure();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      if (!caption.readOnly) save();
    } else if (event.altKey && event.key === "ArrowLeft") {
      event.preventDefault();
      goTo(main.dataset.before);
    } else if (event.altKey && event.key === "ArrowRight") {
      event.preventDefault();
      goTo(main.dataset.after);
    }
  });
  window.addEventListener("beforeunload", (event) => {
    if (caption.value.trim() !== saved.text.trim()) event.preventDefault();
  });
  measure();
}
