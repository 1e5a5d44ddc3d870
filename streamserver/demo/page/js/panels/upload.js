// An upload with progress, which XMLHttpRequest reports and fetch does not.

import { Cut, Refused } from "../ends.js";
import { bytes, time } from "../format.js";
import { Panel } from "../panel.js";
import { refusal, watch } from "../reading.js";

const GENERATED = 32 * 2 ** 20;

const panel = new Panel("upload", async (run, form) => {
  const bar = panel.section.querySelector("progress");
  const body = form.elements.file.files[0] ?? new Blob([new Uint8Array(GENERATED)]);
  bar.max = body.size || 1;
  bar.value = 0;
  panel.output.textContent = "Nothing uploaded yet.";
  run.say("Uploading …");
  const patience = watch(run);
  const answer = await put("/api/upload", body, run, (sent) => {
    patience.end();
    patience.begin();
    bar.value = sent;
    panel.output.textContent = `${bytes(sent)} of ${bytes(body.size)} sent`;
  }).finally(patience.end);
  bar.value = bar.max;
  panel.output.textContent = `${bytes(answer.size)} received, SHA-256 ${answer.sha256}`;
  return `Done: ${bytes(answer.size)} in ${time(run.wire.now)}.`;
});

function put(url, body, run, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", run.tapped(url));
    request.upload.onprogress = ({ loaded }) => {
      onProgress(loaded);
    };
    request.onreadystatechange = () => {
      if (request.readyState === XMLHttpRequest.HEADERS_RECEIVED) run.wire.head(request.status);
    };
    request.onload = () => {
      run.wire.chunk(request.responseText);
      const answer = parsed(request.responseText);
      if (request.status === 200 && answer) resolve(answer);
      else reject(new Refused(refusal(request.status, answer?.detail ?? request.statusText)));
    };
    request.onerror = () => reject(new Cut("the connection closed before the upload was complete"));
    run.signal.addEventListener("abort", () => {
      request.abort();
      reject(run.signal.reason);
    });
    run.wire.sent();
    request.send(body);
  });
}

// A proxy may send any content.
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
