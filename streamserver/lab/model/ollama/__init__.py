"""The interface of Ollama: lines of JSON in place of events.

POST /api/chat                        requests -> lines.ChatLines
POST /api/generate                    requests -> lines.CompletionLines
/api/version, /tags, /ps and /show    models
"""
