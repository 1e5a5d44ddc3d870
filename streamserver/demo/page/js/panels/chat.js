// The chat: the response to a POST is an event stream, so answer.js parses the events. The page
// stores the URL of the answer, so that it can read the whole answer after a reload.

import { cancel, follow } from "../answer.js";
import { Cut, Failed, Refused, Stopped } from "../ends.js";
import { plural, time } from "../format.js";
import { Panel } from "../panel.js";
import { storage } from "../storage.js";

const KEY = "streamserver.chat";
let current = null;

const panel = new Panel("chat", begin, (run) => {
  run.stop();
  // If this fails, the server cancels the answer after some time without a reader.
  cancel(current).catch(() => {});
});

// If the connection to an answer was lost, the same prompt continues it.
function begin(run, form) {
  const prompt = form.elements.prompt.value;
  const kept = remembered();
  return show(run, kept?.prompt === prompt ? kept : { prompt, key: run.token, location: null });
}

async function show(run, answer) {
  current = answer;
  remember(answer);
  panel.output.textContent = "";
  run.wire.gist = tokensIn;
  let tokens = 0;
  const opened = () => {
    remember(answer);
    run.say("Receiving tokens …");
  };
  const again = () => run.say("Cut: the page resumes after the last token …");
  try {
    for await (const data of follow(answer, run, { opened, again })) {
      if (data === "[DONE]") {
        forget();
        return `Done: ${plural(tokens, "token")} in ${time(run.wire.now)}.`;
      }
      const { error, choices } = JSON.parse(data);
      if (error) throw new Failed(error.message);
      const token = choices?.[0]?.delta?.content;
      if (!token) continue; // the first event names only the role
      tokens += 1;
      panel.output.append(token);
    }
  } catch (error) {
    throw ended(error, answer);
  }
  // A complete answer ends with [DONE].
  forget();
  throw new Cut(`the answer ended without [DONE] after ${plural(tokens, "token")}`);
}

// An answer that can still be read stays stored.
function ended(error, { location }) {
  const isRefused = error instanceof Refused && error.status && (!location || error.status < 500);
  if (isRefused || error instanceof Failed || error instanceof Stopped) forget();
  const isGone = isRefused && location && error.status === 404;
  return isGone ? new Refused("the answer has expired: the server no longer stores it", 404) : error;
}

const remember = (answer) => storage.setItem(KEY, JSON.stringify(answer));
const remembered = () => JSON.parse(storage.getItem(KEY));
const forget = () => storage.removeItem(KEY);

// The tokens of a chunk, for the list of chunks: all chunks begin with the same members.
function tokensIn(chunk) {
  const text = new TextDecoder().decode(chunk);
  return Array.from(text.matchAll(/"content":("(?:[^"\\]|\\.)+")/g), ([_, token]) => token).join(" ");
}

const kept = remembered();
if (kept) {
  panel.form.elements.prompt.value = kept.prompt;
  panel.start((run) => show(run, kept));
}
