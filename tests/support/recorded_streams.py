"""Answers of every interface: OpenAI's, and those of Anthropic, Ollama, Gemini, TGI, llama.cpp."""

from support.recorded import LINES, Recorded, lines, named, sse
from support.recorded_openai import CHAT, RESPONSES

START = (
    '{"type":"message_start","message":{"id":"msg_1","type":"message","content":[],"usage":'
    '{"input_tokens":25,"cache_creation_input_tokens":100,"cache_read_input_tokens":300,'
    '"output_tokens":1}}}'
)
PING = '{"type":"ping"}'
STOPPED = '"stop_reason":"%s","stop_sequence":null},"usage":{"input_tokens":25,"output_tokens":%d}}'


def block(kind: str, members: str) -> str:
    """A delta of a content block in Anthropic's messages."""
    return f'{{"type":"content_block_delta","index":0,"delta":{{"type":"{kind}_delta",{members}}}}}'


MESSAGES = [
    Recorded(
        "messages",
        named(
            START,
            '{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}',
            PING,
            block("text", '"text":"Hello"'),
            block("text", '"text":" \\"you\\""'),
            '{"type":"content_block_stop","index":0}',
            f'{{"type":"message_delta","delta":{{{STOPPED % ("end_turn", 15)}',
            '{"type":"message_stop"}',
        ),
        *(3, 4, (425, 300, 15, 0), 2),
    ),
    Recorded(
        "messages with thinking and a tool",
        named(
            START,
            block("thinking", '"thinking":"Hm"'),
            block("signature", '"signature":"Eqo"'),
            block("text", '"text":"Hi"'),
            '{"type":"content_block_start","index":2,"content_block":{"type":"tool_use",'
            '"id":"toolu_1","name":"f","input":{}}}',
            block("input_json", '"partial_json":""'),
            block("input_json", '"partial_json":"{\\"a\\": 1}"'),
            f'{{"type":"message_delta","delta":{{{STOPPED % ("tool_use", 89)}',
            '{"type":"message_stop"}',
        ),
        *(3, 6, (425, 300, 89, 0), 4),
        first_reasoning=1,
        first_tool_call=4,
    ),
]

LINE = '{"model":"llama3.2","created_at":"2025-08-04T08:52:19.%d4Z",%s}'
COUNTS = (
    '"done":true,"done_reason":"stop","total_duration":4883583458,"load_duration":1334875,'
    '"prompt_eval_count":26,"prompt_eval_duration":342546000,"eval_count":4,"eval_duration":45'
)
OLLAMA = [
    Recorded(
        "Ollama's chat",
        lines(
            LINE % (1, '"message":{"role":"assistant","content":"","thinking":"Hm"},"done":false'),
            LINE % (2, '"message":{"role":"assistant","content":"The"},"done":false'),
            LINE % (3, '"message":{"role":"assistant","content":" sky"},"done":false'),
            LINE % (4, '"message":{"role":"assistant","content":"","tool_calls":'
                       '[{"function":{"name":"f","arguments":{"a":1}}}]},"done":false'),
            LINE % (5, f'"message":{{"role":"assistant","content":""}},{COUNTS}'),
        ),
        *(1, 3, (26, 0, 4, 0), 4),
        first_reasoning=0,
        first_tool_call=3,
        kind=LINES,
    ),
    Recorded(
        "Ollama's generate",
        lines(
            LINE % (1, '"response":"The","done":false'),
            LINE % (2, '"response":" sky","done":false'),
            LINE % (3, f'"response":"",{COUNTS},"context":[1,2,3]'),
        ),
        *(0, 1, (26, 0, 4, 0), 2),
        kind=LINES,
    ),
]  # fmt: skip


def gemini(parts: str, counts: str, finish: str = "") -> str:
    """An event of Gemini's."""
    content = f'{{"content":{{"parts":[{parts}],"role":"model"}}{finish},"index":0}}'
    counts = f'"usageMetadata":{{"promptTokenCount":8,{counts}"totalTokenCount":40}}'
    return f'{{"candidates":[{content}],{counts},"modelVersion":"gemini-2.5-flash"}}'


FINISH = ',"finishReason":"STOP"'
GEMINI = [
    Recorded(
        "Gemini",
        sse(
            gemini('{"text":"Hm","thought":true}', '"thoughtsTokenCount":20,'),
            gemini('{"text":"Hi"}', '"candidatesTokenCount":1,"thoughtsTokenCount":24,'),
            gemini('{"text":" you"}', '"candidatesTokenCount":3,"thoughtsTokenCount":24,'),
            gemini('{"text":"","thoughtSignature":"Cik"}',
                   '"candidatesTokenCount":4,"cachedContentTokenCount":5,"thoughtsTokenCount":24,',
                   FINISH),
            end="\r\n",
        ),
        *(1, 2, (8, 5, 28, 24), 3),
        first_reasoning=0,
    ),
    Recorded(
        "Gemini with a function call",
        sse(gemini('{"text":"I ask."},{"functionCall":{"name":"f","args":{"a":1}}}',
                   '"candidatesTokenCount":9,', FINISH)),
        *(0, 0, (8, 0, 9, 0), 1),
        first_tool_call=0,
    ),
]  # fmt: skip


def tgi(token: str, special: str = "false", end: str = "") -> str:
    """An event of TGI's; its end has the whole text."""
    end = end or '"generated_text":null,"details":null'
    token = f'{{"id":{len(token)},"text":"{token}","logprob":-0.5,"special":{special}}}'
    return f'data:{{"index":1,"token":{token},{end}}}\n\n'


LLAMA = '{"index":0,"content":"%s","tokens":[%d],"stop":false,"id_slot":0,"tokens_predicted":%d'
NATIVE = [
    Recorded(
        "TGI",
        tgi("Hi")
        + tgi(" you")
        + tgi("</s>", "true", '"generated_text":"Hi you","details":{"finish_reason":"eos_token",'
                              '"generated_tokens":3,"input_length":12,"seed":null}'),
        *(0, 1, (12, 0, 3, 0), 2),
    ),
    Recorded(
        "llama.cpp",
        sse(
            LLAMA % ("Hi", 13, 1) + ',"tokens_evaluated":9}',
            LLAMA % ("", 14, 2) + ',"tokens_evaluated":9}',
            LLAMA % ("\\u00fc", 15, 3) + ',"tokens_evaluated":9}',
            '{"index":0,"content":"","tokens":[],"id_slot":0,"stop":true,"model":"m","prompt":"x",'
            '"tokens_predicted":4,"tokens_evaluated":9,"stop_type":"limit","tokens_cached":12,'
            '"timings":{"cache_n":6,"prompt_n":3,"predicted_n":4}}',
        ),
        *(0, 2, (9, 6, 4, 0), 2),
    ),
]  # fmt: skip
ALL = [*CHAT, *RESPONSES, *MESSAGES, *OLLAMA, *GEMINI, *NATIVE]
