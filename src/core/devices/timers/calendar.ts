/**
 * The Gregorian calendar in whole days since 1970-01-01, for the real-time clock and for printing guest time. Integer
 * arithmetic on years that begin in March, so that the leap day is the last of its year; valid for years 0 to 9999.
 */

export interface CivilDate {
  readonly year: number;
  /** 1–12. */
  readonly month: number;
  /** 1–31. */
  readonly day: number;
}

/** Days from 0000-03-01 to 1970-01-01. */
const epochDays = 719468;
const daysPer400Years = 146097;

export function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

export function daysInMonth(year: number, month: number): number {
  if (month === 2) return isLeapYear(year) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Days from 1 March to the first of the month that is `marchMonth` months later (0 = March): 31 30 31 30 31 again. */
function daysBeforeMonth(marchMonth: number): number {
  return Math.floor((153 * marchMonth + 2) / 5);
}

export function daysFromCivil(year: number, month: number, day: number): number {
  const marchMonth = (month + 9) % 12;
  const marchYear = month <= 2 ? year - 1 : year;
  const leapDays = Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  return marchYear * 365 + leapDays + daysBeforeMonth(marchMonth) + day - 1 - epochDays;
}

export function civilFromDays(days: number): CivilDate {
  const shifted = days + epochDays;
  // The first guess is at most one year late, since a year is at least 365 days long on average minus its leap days.
  let marchYear = Math.floor((shifted * 400) / daysPer400Years) + 1;
  while (daysFromCivil(marchYear, 3, 1) > days) marchYear--;
  const dayOfYear = days - daysFromCivil(marchYear, 3, 1);
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = ((marchMonth + 2) % 12) + 1;
  return {
    year: month <= 2 ? marchYear + 1 : marchYear,
    month,
    day: dayOfYear - daysBeforeMonth(marchMonth) + 1,
  };
}
