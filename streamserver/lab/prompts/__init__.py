"""What is sent to a model: prompts, data sets and conversations, in the form of its interface."""
