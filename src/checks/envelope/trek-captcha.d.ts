/** The package has no types of its own. */

declare module "trek-captcha" {
  /** Five small letters, and a GIF that shows them. */
  export default function draw(): Promise<{ readonly token: string; readonly buffer: Buffer }>;
}
