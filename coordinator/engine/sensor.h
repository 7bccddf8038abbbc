/* Sensors: what they were answered last, and what an answer does to their instance (sensor.c). */
#ifndef BF_ENGINE_SENSOR_H
#define BF_ENGINE_SENSOR_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/error.h"

struct engine;
struct engine_out;
struct backfill;
struct record;

/* What a sensor was answered last.  since_ms: engine time of the first answer of the run.  text: NULL for none. */
struct look { uint32_t backfill, number, run, looks; int64_t since_ms, at_us; char *text; };
#define LOOK_NUMBERS 2u

/* Was an answer "not there yet" heard in this run? */
bool sensor_has_looked(const struct engine *e, const struct backfill *b, uint32_t number);
void sensor_ended(struct engine *e, struct backfill *b, uint32_t number, const struct record *r);    /* the end of an attempt */
enum bf_rc sensor_apply(struct engine *e, const struct record *r, struct bf_error *err) BF_MUST_CHECK;
void sensor_snapshot(const struct engine *e, struct engine_out *out);
void sensor_hash(const struct engine *e, const struct backfill *b, uint32_t number, struct bf_buf *ret);
void sensors_done(struct engine *e);

#endif
