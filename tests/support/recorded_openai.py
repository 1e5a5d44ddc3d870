"""Answers of the interfaces that OpenAI defined, in the forms of the services that have them."""

from support.recorded import Recorded, named, sse


def chat(delta: str, finish: str = "null", more: str = "") -> str:
    """A chunk of a chat completion."""
    choice = f'{{"index":0,"delta":{{{delta}}},"logprobs":null,"finish_reason":{finish}}}'
    head = '"id":"chatcmpl-1","object":"chat.completion.chunk","created":1694268190,"model":"m"'
    return f'{{{head},"choices":[{choice}]{more}}}'


def usage(members: str) -> str:
    """The last chunk of a chat completion, with the usage."""
    return (
        f'{{"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[],"usage":{{{members}}}}}'
    )


OPENAI_USAGE = (
    '"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,'
    '"prompt_tokens_details":{"cached_tokens":16,"audio_tokens":0},'
    '"completion_tokens_details":{"reasoning_tokens":6,"audio_tokens":0}'
)
NULL = ',"usage":null'
CONTINUOUS = ',"usage":{"prompt_tokens":5,"total_tokens":%d,"completion_tokens":%d}'
TEXT = '"choices":[{"text":"%s","index":0,"logprobs":null,"finish_reason":%s}]'
LENGTH = '"length"'
TOOL = '"tool_calls":[{"index":0,%s"function":{%s"arguments":"%s"}}]'

CHAT = [
    Recorded(
        "chat",
        ": ping\n\n"
        + sse(
            chat('"role":"assistant","content":"","refusal":null', more=NULL),
            *[chat(f'"content":"{text}"', more=NULL) for text in ("Hello", " there", "", "!")],
            chat("", '"stop"', NULL),
            usage(OPENAI_USAGE),
            "[DONE]",
        ),
        *(1, 4, (19, 16, 10, 6), 3),
    ),
    Recorded(
        "refusal",
        sse(chat('"role":"assistant","content":"","refusal":null'), chat('"refusal":"No"'),
            chat("", '"stop"'), "[DONE]"),
        *(1, 1, (0, 0, 1, 0), 1),
        tokens_from="events",
    ),
    Recorded(
        "DeepSeek",
        sse(
            chat('"role":"assistant","content":null,"reasoning_content":""'),
            chat('"content":null,"reasoning_content":"Hm"'),
            chat('"content":null,"reasoning_content":" so"'),
            chat('"content":"Hi","reasoning_content":null'),
            chat('"content":"","reasoning_content":null', '"stop"',
                 ',"usage":{"prompt_tokens":6,"completion_tokens":3,"total_tokens":9,'
                 '"prompt_cache_hit_tokens":0,"completion_tokens_details":{"reasoning_tokens":2}}'),
            "[DONE]",
        ),
        *(3, 3, (6, 0, 3, 2), 3),
        first_reasoning=1,
    ),
    Recorded(
        "a tool call",
        sse(
            chat('"role":"assistant","content":null'),
            chat(TOOL % ('"id":"call_1","type":"function",', '"name":"f",', "")),
            chat(TOOL % ("", "", "{\\\"a")),
            chat(TOOL % ("", "", "\\\":1}")),
            chat("", '"tool_calls"'),
            "[DONE]",
        ),
        *(-1, 3, (0, 0, 3, 0), 3),
        first_tool_call=1,
        tokens_from="events",
    ),
    Recorded(
        "vLLM with continuous usage",
        sse(
            chat('"role":"assistant","content":""', more=CONTINUOUS % (5, 0)),
            chat('"reasoning":"Hm"', more=CONTINUOUS % (6, 1)),
            chat('"content":"Hi"', more=CONTINUOUS % (9, 4)),
            chat('"content":""', '"stop"', CONTINUOUS % (10, 5)),
            "[DONE]",
        ),
        *(2, 2, (5, 0, 5, 0), 2),
        first_reasoning=1,
    ),
    Recorded(
        "two choices",
        sse(*[chat('"content":"Hi"').replace('"index":0', f'"index":{n % 2}') for n in range(4)],
            chat("", '"stop"'), chat("", '"length"').replace('"index":0', '"index":1'),
            usage('"prompt_tokens":3,"completion_tokens":4')),
        *(0, 3, (3, 0, 4, 0), 4),
    ),
    Recorded(
        "Groq",
        sse(chat('"content":"Hi"'),
            chat("", '"stop"', ',"x_groq":{"id":"r","usage":{"queue_time":0.1,"prompt_tokens":7,'
                               '"completion_tokens":2,"total_tokens":9}}'),
            "[DONE]"),
        *(0, 0, (7, 0, 2, 0), 1),
    ),
    Recorded(
        "Moonshot",
        sse(chat('"content":"Hi"'),
            chat("", '"stop","usage":{"prompt_tokens":8,"completion_tokens":3,"total_tokens":11}'),
            "[DONE]"),
        *(0, 0, (8, 0, 3, 0), 1),
    ),
    Recorded(
        "more reasoning tokens than completion tokens, without a total",
        sse(chat('"content":"Hi"'), chat("", '"stop"'),
            usage('"prompt_tokens":8,"completion_tokens":3,'
                  '"completion_tokens_details":{"reasoning_tokens":40}'), "[DONE]"),
        *(0, 0, (8, 0, 43, 40), 1),
    ),
    Recorded(
        "xAI, whose completion tokens exclude the reasoning",
        sse(chat('"reasoning_content":"Hm"'), chat('"content":"Hi"'), chat("", '"stop"'),
            usage('"prompt_tokens":32,"completion_tokens":120,"total_tokens":246,'
                  '"completion_tokens_details":{"reasoning_tokens":94}'), "[DONE]"),
        *(1, 1, (32, 0, 214, 94), 2),
        first_reasoning=0,
    ),
    Recorded(
        "llama.cpp's chat",
        sse(chat('"role":"assistant","content":null'), chat('"content":"Hi"'),
            chat("", '"stop"', ',"timings":{"cache_n":7,"prompt_n":4,"prompt_ms":9.5,'
                               '"predicted_n":2,"predicted_ms":30.1}'), "[DONE]"),
        *(1, 1, (11, 7, 2, 0), 1),
    ),
    Recorded(
        "completions",
        sse(f'{{"id":"cmpl-1","object":"text_completion",{TEXT % ("This", "null")}}}',
            f'{{"id":"cmpl-1","object":"text_completion",{TEXT % (" is", "null")}}}',
            f'{{"id":"cmpl-1","object":"text_completion",{TEXT % ("", LENGTH)}}}',
            '{"id":"cmpl-1","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}',
            "[DONE]"),
        *(0, 1, (5, 0, 2, 0), 2),
    ),
]  # fmt: skip

RESPONSE = '{"id":"resp_1","object":"response","status":"in_progress","output":[],"usage":null}'
COMPLETED = (
    '{"type":"response.completed","sequence_number":9,"response":{"id":"resp_1","status":'
    '"completed","usage":{"input_tokens":37,"input_tokens_details":{"cached_tokens":32},'
    '"output_tokens":11,"output_tokens_details":{"reasoning_tokens":8},"total_tokens":48}}}'
)
DELTA = '"item_id":"msg_1","output_index":0,"content_index":0,"delta":"%s","obfuscation":"%s"'
RESPONSES = [
    Recorded(
        "Responses",
        named(
            f'{{"type":"response.created","sequence_number":0,"response":{RESPONSE}}}',
            f'{{"type":"response.in_progress","sequence_number":1,"response":{RESPONSE}}}',
            '{"type":"response.output_item.added","sequence_number":2,"output_index":0,'
            '"item":{"id":"msg_1","type":"message","status":"in_progress","content":[]}}',
            '{"type":"response.content_part.added","sequence_number":3,"part":{"text":""}}',
            f'{{"type":"response.output_text.delta","sequence_number":4,{DELTA % ("Hi", "x1")}}}',
            f'{{"type":"response.output_text.delta","sequence_number":5,{DELTA % (" you", "")}}}',
            '{"type":"response.output_text.done","sequence_number":6,"text":"Hi you"}',
            COMPLETED,
        ),
        *(4, 5, (37, 32, 11, 8), 2),
    ),
    Recorded(
        "Responses with reasoning and a function call",
        named(
            '{"type":"response.output_item.added","sequence_number":1,"item":{"type":"reasoning"}}',
            '{"type":"response.reasoning_summary_text.delta","sequence_number":2,"delta":"Hm"}',
            '{"type":"response.output_item.added","sequence_number":3,"item":'
            '{"type":"function_call","name":"f","arguments":""}}',
            '{"type":"response.function_call_arguments.delta","sequence_number":4,"delta":"{}"}',
            COMPLETED,
        ),
        *(-1, 3, (37, 32, 11, 8), 3),
        first_reasoning=1,
        first_tool_call=2,
    ),
]
