/** The questions of challenge, and the answers to them: sums in words, which a person reads out and a form letter does not, or letters in a picture. */
import { randomBytes, randomInt } from "node:crypto";

export type Language = "en" | "de";

const words: Readonly<Record<Language, readonly string[]>> = {
  en: ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"],
  de: ["zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf"],
};
interface Text {
  readonly subject: string;
  /** {task} is one of the next two. */
  readonly lines: string;
  readonly sum: string;
  readonly picture: string;
  /** What {question} stands for in an administrator's text, with a picture. */
  readonly letters: string;
}

const texts: Readonly<Record<Language, Text>> = {
  en: {
    subject: "Your message to {recipient}: a question",
    lines: `Your mail server asked to deliver a message from you to {recipient},
who takes mail only from known senders. The message waits at your server.

{task}

Leave the subject as it is. You are asked only once. If you have sent no
such message, please ignore this mail; nobody will send you another today.`,
    sum: `So that it is accepted, please answer this mail and write the number:

    {question}`,
    picture: `So that it is accepted, please answer this mail and write the five
letters of the picture below.`,
    letters: "the five letters of the picture below",
  },
  de: {
    subject: "Ihre Nachricht an {recipient}: eine Frage",
    lines: `Ihr Mailserver wollte eine Nachricht von Ihnen an {recipient} zustellen.
Dort werden nur bekannte Absender angenommen. Die Nachricht wartet auf
Ihrem Server.

{task}

Lassen Sie den Betreff, wie er ist. Sie werden nur einmal gefragt. Wenn Sie
keine solche Nachricht geschickt haben, beachten Sie diese Mail nicht; heute
kommt keine weitere.`,
    sum: `Damit sie angenommen wird, antworten Sie bitte auf diese Mail mit der Zahl:

    {question}`,
    picture: `Damit sie angenommen wird, antworten Sie bitte auf diese Mail mit den
fünf Buchstaben auf dem Bild.`,
    letters: "die fünf Buchstaben auf dem Bild",
  },
};
/** Numbers of an answer that are looked at: who writes down all of them does not answer. */
const mostNumbers = 12;
/** Words of five letters that are looked at. */
const mostWords = 200;

/** A question, as it is sent. */
export interface ChallengeQuestion {
  /** In the subject of the answer. */
  readonly token: string;
  /** A number, or five small letters. */
  readonly answer: string;
  readonly subject: string;
  readonly lines: readonly string[];
  /** The picture with the letters, a GIF; undefined: the question is a sum in words. */
  readonly picture: Buffer | undefined;
}

interface Asking {
  readonly language: Language;
  readonly recipient: string;
  /** The administrator's text, with {recipient} and {question}; undefined: goodmailto's. */
  readonly template?: string | undefined;
  /** Letters in a picture in place of a sum. */
  readonly image?: boolean;
}

/** Makes one by chance. */
export async function makeQuestion({
  language,
  recipient,
  template,
  image = false,
}: Asking): Promise<ChallengeQuestion> {
  const text = texts[language];
  const { answer, question, picture } = image ? await makePicture(text) : makeSum(language);
  const token = randomBytes(6).toString("hex");
  const task = picture === undefined ? text.sum : text.picture;
  const fill = (words: string): string =>
    words.replaceAll("{task}", task).replaceAll("{recipient}", recipient).replaceAll("{question}", question);
  return {
    token,
    answer,
    subject: `${fill(text.subject)} [${token}]`,
    lines: fill(template ?? text.lines).split("\n"),
    picture,
  };
}

interface Puzzle {
  readonly answer: string;
  readonly question: string;
  readonly picture?: Buffer | undefined;
}

function makeSum(language: Language): Puzzle {
  const [one, other] = [randomInt(words.en.length), randomInt(words.en.length)];
  return { answer: String(one + other + 4), question: `${words[language][one]} plus ${words[language][other]} = ?` };
}

async function makePicture({ letters }: Text): Promise<Puzzle> {
  const { default: draw } = await import("trek-captcha");
  const { token, buffer } = await draw();
  return { answer: token, question: letters, picture: buffer };
}

/** The token in the subject of an answer. */
export function tokenOf(subject: string): string | undefined {
  return /\[([0-9a-f]{12})\]/.exec(subject)?.[1];
}

/** Whether a text holds the number or the letters, in what its author wrote; undefined: it holds none. */
export function isAnswer(text: string, answer: string): boolean | undefined {
  const own = text.split(/\r?\n/).filter((line) => !line.startsWith(">"));
  if (!/^\d+$/.test(answer)) {
    return hasLetters(own, answer);
  }
  const numbers = (own.join("\n").match(/\b\d{1,6}\b/g) ?? []).slice(0, mostNumbers).map(Number);
  return numbers.length === 0 ? undefined : numbers.includes(Number(answer));
}

/** As a word, or spelt out in a line of its own. */
function hasLetters(lines: readonly string[], answer: string): boolean | undefined {
  const small = lines.map((line) => line.toLowerCase());
  const found = small.flatMap((line) => [
    ...(line.match(/\b[a-z]{5}\b/g) ?? []),
    ...(/^[^a-z]*(?:[a-z][^a-z]+){4}[a-z][^a-z]*$/.test(line) ? [line.replaceAll(/[^a-z]/g, "")] : []),
  ]);
  return found.length === 0 ? undefined : found.slice(0, mostWords).includes(answer);
}
