/** Times as people read them. */

/** HH:MM of here; `--:--` for what is no time: a server may write anything into the field. */
export function timeOf(iso: string): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return '--:--';
  return [time.getHours(), time.getMinutes()].map((part) => String(part).padStart(2, '0')).join(':');
}
