/** Extra blanks taken out of a text, for who asked for that with `--squeeze`; without it a text is sent as it was typed. */

/** No blanks at the ends of lines, and one where there were several. Line feeds stay. */
export function squeezed(text: string): string {
  return text.replaceAll(/[^\S\n]+/g, ' ').replaceAll(/^ | $/gm, '');
}
