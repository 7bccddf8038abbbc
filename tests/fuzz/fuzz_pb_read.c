/* The quick reader against protobuf-c: what it takes, that one takes too, and what they read is written as the same bytes. */
#include <assert.h>
#include <string.h>

#include "proto/agent.pb-c.h"
#include "proto/operator.pb-c.h"
#include "proto/pb_read.h"
#include "proto/record.pb-c.h"
#include "proto/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void *arena_alloc(void *arena, size_t n) { return bf_arena_alloc(arena, n); }
static void arena_free(void *arena, void *p) { (void)arena, (void)p; }

static void compare(const ProtobufCMessageDescriptor *type, const uint8_t *p, size_t n)
{
    enum { FIELDS_MAX = 4096 };
    struct bf_arena arena = {0};
    struct bf_buf a = {0}, b = {0};
    ProtobufCAllocator memory = {arena_alloc, arena_free, &arena};
    const ProtobufCMessage *quick = pb_read(type, p, n, (struct pb_limits){FIELDS_MAX, FIELDS_MAX, WIRE_DEPTH_MAX}, &memory);
    if (quick) {
        const ProtobufCMessage *slow = protobuf_c_message_unpack(type, &memory, n, p);
        assert(slow);
        wire_put(&a, quick);
        wire_put(&b, slow);
        assert(a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0));
    }
    bf_buf_free(&a);
    bf_buf_free(&b);
    bf_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    compare(&pb__agent_msg__descriptor, p, n);
    compare(&pb__turn__descriptor, p, n);
    compare(&pb__op_request__descriptor, p, n);
    return 0;
}
