/* bfctl's own configuration as a document of the form that the coordinator gives of its own. */
#ifndef BFCTL_CONFIG_DOCUMENT_H
#define BFCTL_CONFIG_DOCUMENT_H

#include <jansson.h>

#include "bfctl/client.h"

/* {"file", "values": [{"key", "value", "origin", "where"}]}; a new reference. */
json_t *config_document_own(const struct client_settings *s);

#endif
