/** Opens the sinks of `[log] sinks`. */
import { errorCode } from "../report/error-message.ts";
import { parseSink } from "../config/logging.ts";
import type { LogSink } from "../config/logging.ts";
import { FileSink } from "./file-sink.ts";
import type { Rotation } from "./file-sink.ts";
import { LateFile } from "./late-file.ts";
import type { Sink } from "./sink.ts";
import { openStderr } from "./stderr-sink.ts";
import { SyslogTcp } from "./syslog-tcp.ts";
import { openSyslogUdp } from "./syslog-udp.ts";

/**
 * All sinks as one. A file that cannot be opened is reported to the others and opened later; if nothing else can be opened, lines go to
 * standard error: a log must not keep mail from being served.
 */
export function openSinks(names: readonly string[], rotation: Rotation, now: () => number): Sink {
  const sinks: Sink[] = [];
  const late: LateFile[] = [];
  const faults: string[] = [];
  for (const name of names) {
    const place = parseSink(name);
    try {
      if (place !== undefined) {
        sinks.push(open(place, rotation, now));
      }
    } catch (error) {
      const code = errorCode(error);
      faults.push(`log: cannot open sink=${JSON.stringify(name)} reason=${code}`);
      if (place?.kind === "file") {
        late.push(new LateFile(place.path, rotation));
      }
    }
  }
  if (sinks.length === 0) {
    sinks.push(openStderr());
  }
  const all = allOf([...sinks, ...late]);
  faults.forEach((fault) => all.write("error", fault));
  return all;
}

function open(place: LogSink, rotation: Rotation, now: () => number): Sink {
  switch (place.kind) {
    case "stderr":
      return openStderr();
    case "file":
      return new FileSink(place.path, rotation);
    case "syslog":
      return place.transport === "tcp" ? new SyslogTcp(place.server, now) : openSyslogUdp(place.server, now);
  }
}

function allOf(sinks: readonly Sink[]): Sink {
  const [only] = sinks;
  if (only !== undefined && sinks.length === 1) {
    return only;
  }
  return {
    write: (level, line) => sinks.forEach((sink) => sink.write(level, line)),
    reopen: () => sinks.forEach((sink) => sink.reopen()),
    close: async () => void (await Promise.all(sinks.map((sink) => sink.close()))),
  };
}
