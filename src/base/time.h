/* Clocks and durations. All times are int64 milliseconds; wall time only for printing and cron. */
#ifndef HQ_BASE_TIME_H
#define HQ_BASE_TIME_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum { TIME_TEXT = 32 };

int64_t time_wall_ms(void); /* since 1970, CLOCK_REALTIME; may jump */
int64_t time_boot_ms(void); /* CLOCK_BOOTTIME: goes on during suspend, never jumps; for deadlines */

/* Writes "2026-11-22T15:04:05.123Z" (RFC 3339, UTC, ms) into text[TIME_TEXT]. */
void time_rfc3339(int64_t wall_ms, char text[TIME_TEXT]);

/* Parses that form (fraction optional, Z or ±hh:mm, years 0000 to 9999); other than it is printed, nothing
 * is let pass: no sign, no 30 February. */
bool time_parse_rfc3339(const char *text, int64_t *wall_ms);

/* Parses "250ms", "30s", "5m", "2h", "1d", "1h30m" into ms; a bare number is refused. */
bool time_parse_duration(const char *text, int64_t *ms);

/* Writes a short duration for people: "0.4s", "14s", "2m10s", "3h04m", "3d 4h". */
void time_print_duration(int64_t ms, char text[TIME_TEXT]);

/* The CLOCK_MONOTONIC timespec `ms` from now, for pthread_cond_clockwait. */
struct timespec time_monotonic_in(int64_t ms);

#endif
