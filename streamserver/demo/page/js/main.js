// The page: one module for each panel. reading.js and events.js read the streams.

import "./panels/counter.js";
import "./panels/typing.js";
import "./panels/chat.js";
import "./panels/notifications.js";
import "./panels/job.js";
import "./panels/download.js";
import "./panels/export.js";
import "./panels/upload.js";
import "./panels/pitfalls.js";
import "./panels/crowded.js";
