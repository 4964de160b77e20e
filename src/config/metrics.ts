/** `[metrics]`. */
import { isAbsolute } from "node:path";

import * as z from "zod";

import * as field from "./fields.ts";
import { meantEndpoint } from "./meant.ts";
import * as text from "./texts.ts";

/** The collector reads no other name. */
const textfileRule: field.TextRule = {
  allowed: 'the absolute path of a file that ends in ".prom", or ""',
  fits: (path) => path === "" || (isAbsolute(path) && path.endsWith(".prom") && !path.includes("\0")),
};

export const metrics = z.strictObject({
  listen: field.restart(
    field.textBy(
      text.endpointRule,
      "",
      'Address at which to serve /metrics (Prometheus), /healthz and /readyz by HTTP, such as "127.0.0.1:9525". Empty: none.',
      { suggest: meantEndpoint },
    ),
  ),
  textfile: field.textBy(
    textfileRule,
    "",
    'File that each full sync replaces with its metrics, for the textfile collector of node_exporter, such as "/var/lib/prometheus/node-exporter/goodmailto.prom". Empty: none.',
  ),
});
