/**
 * node:http and node:https without the rest: an `import` of them also loads HTTP/2, fetch and WebSocket, because it
 * reads every export. That is 0.1 s of each start.
 */
export const http: typeof import("node:http") = process.getBuiltinModule("node:http");
export const https: typeof import("node:https") = process.getBuiltinModule("node:https");
