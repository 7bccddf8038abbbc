/* One alert as a document: for lists, and for those who are told of it. */
#ifndef BF_VIEWS_ALERTS_H
#define BF_VIEWS_ALERTS_H

#include <jansson.h>

#include "coordinator/engine/view_alerts.h"
#include "coordinator/views.h"

/* A new reference. */
json_t *view_alert(const struct view_source *v, const struct alert_fact *a, const struct alert_more *more);
/* May the key of this view hear of it? */
bool view_alert_seen(const struct view_source *v, const struct alert_fact *a);

#endif
