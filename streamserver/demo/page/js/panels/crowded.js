// The fourth pitfall: more EventSources than a browser opens connections, and its remedy.

import { prose } from "../dom.js";
import { Refused } from "../ends.js";
import { time } from "../format.js";
import { Panel } from "../panel.js";
import { SharedEventSource } from "../sharedevents.js";

const TARGET = "/pitfalls/crowded";
const WANTED = 8;
const SETTLED = 800; // ms without a new connection, after which the rest is known to wait
const PATIENCE = 4000; // ms until a connection that is closed has made room for another

// Each of these has a connection, and a browser opens six.
const each = (run) => new EventSource(run.tapped(TARGET));

// All of these have one connection, in all tabs.
const shared = (run) => new SharedEventSource(TARGET, { query: { wire: run.token } });

const panel = new Panel("crowded", async (run, form, submitter) => {
  const make = submitter?.value === "shared" ? shared : each;
  const why = panel.section.querySelector("[data-why]");
  why.textContent = "";
  run.wire.unit = "event";
  run.wire.sent();
  run.say("Connecting …");
  const sources = Array.from({ length: WANTED }, () => make(run));
  try {
    const open = await opened(sources, WANTED, SETTLED, run);
    if (open === WANTED) {
      why.replaceChildren(...prose(make === each || !navigator.locks ? UNLIMITED : SHARED));
      return `Done: all ${WANTED} are open.`;
    }
    why.replaceChildren(...prose(make === each ? WAITING : INSECURE));
    const closed = run.wire.now;
    const first = sources.findIndex(isOpen);
    sources.splice(Math.max(first, 0), 1)[0].close();
    const waited = `Done: ${open} opened, and ${WANTED - open} waited.`;
    // The connection can also be given to another tab.
    const isNext = (await opened(sources, open, PATIENCE, run)) === open && open > 0;
    const next = isNext ? `the next opened ${time(run.wire.now - closed)} later` : "no other opened";
    return `${waited} One was closed, and ${next}.`;
  } finally {
    for (const source of sources) source.close();
  }
});

const isOpen = ({ readyState }) => readyState === EventSource.OPEN;

// The number of open sources: once `wanted` are open, or when none has opened for `ms`.
function opened(sources, wanted, ms, run) {
  return new Promise((resolve, reject) => {
    let timer;
    const check = () => {
      const open = sources.filter(isOpen).length;
      panel.output.textContent = `${open} of ${sources.length} open, ${sources.length - open} waiting`;
      clearTimeout(timer);
      timer = setTimeout(resolve, open < wanted ? ms : 0, open);
    };
    for (const source of sources) {
      source.onopen = () => {
        run.wire.head(200);
        check();
      };
      source.onmessage = ({ data }) => run.wire.chunk(data);
      source.onerror = () => reject(new Refused("the server does not answer"));
    }
    run.signal.addEventListener("abort", () => reject(run.signal.reason));
    check();
  });
}

const WAITING =
  "The browser opens at most six connections to an HTTP/1.1 host, for all its tabs together, and an" +
  " `EventSource` keeps its connection. The others wait without an `error` event, as does every `fetch`" +
  " to this host: their requests have not left the browser.";
const SHARED =
  "All are open over one connection. A `SharedEventSource` that holds a Web Lock has an `EventSource` and" +
  " sends each event to the others, in all tabs, over a `BroadcastChannel`. If its tab closes, another" +
  " one gets the lock and continues after the last event. The notifications above use it.";
const INSECURE =
  "This page is not in a secure context (HTTPS or localhost), so it has no Web Locks. Each" +
  " `SharedEventSource` has a connection of its own.";
const UNLIMITED =
  "Each has a connection of its own, or a stream of one HTTP/2 connection to a proxy in front of the" +
  " server. HTTP/2 allows a hundred streams or more on a connection, so none of them waits.";
