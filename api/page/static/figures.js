/** How numbers and times read. */

const WHOLE = new Intl.NumberFormat("en");
const SHORT = new Intl.NumberFormat("en", { maximumFractionDigits: 2, minimumFractionDigits: 2 });
const SHARE = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 });
const TIME = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });

/** A whole number. */
export const whole = (n) => WHOLE.format(n);

/** A number with two digits after the point; an en dash for none. */
export const decimal = (n) => (n === null || n === undefined ? "–" : SHORT.format(n));

/** A share of 1 in percent; an en dash for none. */
export const percent = (share) => (share === null || share === undefined ? "–" : SHARE.format(share));

/** A number of people as the gate tells it: null is a number that it does not tell. */
export const people = (n) => (n === null || n === undefined ? "not told" : whole(n));

/** A time in UTC; an en dash for none. */
export const time = (text) => (text ? `${TIME.format(new Date(text))} UTC` : "–");

/** "1 tag", "2 tags". */
export const counted = (n, one, many) => `${whole(n)} ${n === 1 ? one : many}`;

/** "1 person", "2 people"; or that the gate does not tell how many. */
export const countOfPeople = (n) =>
  n === null || n === undefined ? "not told: too few, or about something sensitive" : counted(n, "person", "people");
