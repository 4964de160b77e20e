/** The style sheet. Colours have a contrast of 4.5 to 1 at least in both schemes, and never say anything alone. */
import { layout } from "./style-layout.ts";
import { parts } from "./style-parts.ts";

const colours = `
:root {
  color-scheme: light dark;
  --paper: #fff; --ground: #f4f5f7; --ink: #1c2126; --soft: #515a63; --line: #d5dae0; --row: #f8f9fb;
  --link: #175a86; --focus: #0a66c2; --good: #1c6b3c; --warn: #8a5200; --bad: #b3261e;
  --goodground: #e5f3ea; --warnground: #fdf1dc; --badground: #fce8e6;
  --first: #b3261e; --second: #1f6fa8; --third: #6b4fa0; --grid: #e3e7ec;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #191d21; --ground: #111417; --ink: #e6e9ec; --soft: #a9b3bc; --line: #363d45; --row: #1f242a;
    --link: #7cbcec; --focus: #7cbcec; --good: #79cf98; --warn: #f0b95c; --bad: #ff9a91;
    --goodground: #173222; --warnground: #3a2b10; --badground: #421d1a;
    --first: #ff8a80; --second: #6cb6ea; --third: #bda4ee; --grid: #2b3138;
  }
}
`;

/** All of it. */
export const style: string = colours + layout + parts;
