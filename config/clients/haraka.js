// Haraka plugin: asks a [[lookup]] with protocol = "http" about each recipient. Copy it to plugins/goodmailto.js, and
// put `goodmailto` into config/plugins. config/goodmailto.ini: url=http://127.0.0.1:10043, and token=… where the lookup
// wants one. If nobody answers, the recipient is answered 450.
"use strict";
const http = require("node:http");
// A plugin has few globals.
const { URL, URLSearchParams } = require("node:url");

/** For an answer, in ms. */
const patience = 5000;
const agent = new http.Agent({ keepAlive: true, maxSockets: 50 });

exports.register = function () {
  this.settings = this.config.get("goodmailto.ini", () => exports.register.call(this)).main;
  this.register_hook("rcpt", "ask");
};

exports.ask = function (next, connection, [recipient]) {
  const { url = "http://127.0.0.1:10043", token } = this.settings;
  const query = new URLSearchParams({ client: connection.remote.ip, sender: plain(connection.transaction.mail_from) });
  const target = new URL(`/v1/recipient/${encodeURIComponent(plain(recipient))}?${query}`, url);
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  let isDone = false;
  const end = (...words) => {
    if (!isDone) {
      isDone = true;
      clearTimeout(timer);
      next(...words);
    }
  };
  const fail = (why) => {
    if (!isDone) {
      connection.logerror(this, `goodmailto does not answer: ${why}`);
    }
    end(DENYSOFT, "4.3.0 Try again later");
  };
  const request = http.get(target, { agent, headers }, (response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("error", (error) => fail(error.message));
    response.on("data", (piece) => (text += piece));
    response.on("end", () => {
      try {
        end(...answer(JSON.parse(text)));
      } catch {
        fail(`${response.statusCode} ${text.slice(0, 100)}`);
      }
    });
  });
  request.on("error", (error) => fail(error.message));
  const timer = setTimeout(() => request.destroy(new Error("no answer in time")), patience);
};

/** An address as in RCPT, without brackets. */
function plain(address) {
  return address.format().replace(/^<(.*)>$/s, "$1");
}

/** What Haraka is to do. A domain that is not goodmailto's is left to other plugins. */
function answer({ verdict, accepted, reply }) {
  const text = reply.slice(4);
  if (verdict === "foreign") {
    return [];
  }
  if (accepted) {
    return [OK];
  }
  if (verdict === "blocked") {
    return [DENYSOFTDISCONNECT, text];
  }
  return [reply.startsWith("4") ? DENYSOFT : DENY, text];
}
