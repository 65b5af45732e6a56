"""Fine-tuning on a data set: `glossator train`, through TRL and PEFT."""
