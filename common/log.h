/* Structured log on standard error: time level component key=value…  Shell only: engine/, plan/ and libraries never log.
 * The level is tested before the arguments are evaluated. */
#ifndef BF_COMMON_LOG_H
#define BF_COMMON_LOG_H

enum bf_log_level { BF_LOG_ERROR, BF_LOG_WARN, BF_LOG_INFO, BF_LOG_DEBUG };

extern enum bf_log_level bf_log_max;                        /* default BF_LOG_INFO */
void bf_log_open(const char *component, enum bf_log_level max);
/* event is a stable word ("agent_lost"); fmt gives key=value pairs, values with blanks in quotes via bf_log_quote. */
void bf_log_write(enum bf_log_level level, const char *event, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* s in quotes with escapes when it needs them; a rotating static buffer per thread (8 calls). */
const char *bf_log_quote(const char *s);

#define BF_LOG(level, ...) do { if ((level) <= bf_log_max) bf_log_write((level), __VA_ARGS__); } while (0)
#define bf_error_log(...) BF_LOG(BF_LOG_ERROR, __VA_ARGS__)
#define bf_warn(...) BF_LOG(BF_LOG_WARN, __VA_ARGS__)
#define bf_info(...) BF_LOG(BF_LOG_INFO, __VA_ARGS__)
#define bf_debug(...) BF_LOG(BF_LOG_DEBUG, __VA_ARGS__)

#endif
