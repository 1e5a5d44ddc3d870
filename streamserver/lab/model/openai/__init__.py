"""The interfaces of OpenAI: chat completions, completions of prompts, responses, embeddings.

POST /v1/chat/completions   requests, messages, tools -> chat.ChatWriter
POST /v1/completions        requests, prompts         -> text.TextWriter
POST /v1/responses          responses_requests        -> responses.ResponsesWriter
POST /v1/embeddings         embeddings, without a schedule of tokens
"""
