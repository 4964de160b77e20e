/** For the record: what a command is to a session. */
import type { EventStage } from "../../report/event.ts";

const stages: Readonly<Record<string, EventStage>> = {
  HELO: "helo",
  EHLO: "helo",
  AUTH: "auth",
  MAIL: "mail",
  RCPT: "rcpt",
  DATA: "data",
  BDAT: "data",
};

/** @param verb in capitals */
export function stageOf(verb: string): EventStage {
  return stages[verb] ?? "command";
}
