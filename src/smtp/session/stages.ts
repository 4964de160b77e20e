/** For the record: what a command is to a session. */
import type { EventStage } from "../../report/event.ts";

/** Compares, where a table would first have to find the verb among all the names that the program knows. @param verb in capitals */
export function stageOf(verb: string): EventStage {
  switch (verb) {
    case "RCPT":
      return "rcpt";
    case "MAIL":
      return "mail";
    case "HELO":
    case "EHLO":
      return "helo";
    case "AUTH":
      return "auth";
    case "DATA":
    case "BDAT":
      return "data";
  }
  return "command";
}
