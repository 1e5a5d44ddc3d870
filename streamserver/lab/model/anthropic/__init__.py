"""The interface of Anthropic.

POST /v1/messages                requests, content -> messages.MessageWriter
POST /v1/messages/count_tokens   requests.count_request
"""
