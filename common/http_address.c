/* Link-local addresses and the metadata services of clouds: whoever may ask them is given the credentials of the machine, so
 * that a plan with a free choice of address would own the agent's host.  Loopback and private networks are what most steps
 * call, and stay open.
 *
 * IPv4 has many clothes in IPv6 (mapped, compatible, NAT64, 6to4): every address is brought to one form of 16 bytes, IPv4 as
 * mapped, and only that is looked up. */
#include "common/http_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct net {
    uint8_t bytes[16];
    unsigned bits;
    const char *why;
};

#define V4(a, b, c, d) {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}
#define METADATA "the metadata service of a cloud, which gives out the credentials of the machine"

static const struct net refused[] = {
    {V4(169, 254, 0, 0), 112, "link-local (169.254.0.0/16), where clouds give out the credentials of the machine"},
    {{0xfe, 0x80}, 10, "link-local (fe80::/10)"},
    {{0xfd, 0x00, 0x0e, 0xc2, [15] = 0x54, [14] = 0x02}, 128, METADATA},       /* fd00:ec2::254, AWS */
    {{0xfd, 0x20, 0x00, 0xce, [15] = 0x54, [14] = 0x02}, 128, METADATA},       /* fd20:ce::254, Google */
    {V4(100, 100, 100, 200), 128, METADATA},                                   /* Alibaba */
    {V4(192, 0, 0, 192), 128, METADATA},                                       /* Oracle */
    {V4(168, 63, 129, 16), 128, METADATA},                                     /* Azure */
};

static bool within(const uint8_t address[16], const uint8_t net[16], unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(address, net, whole) != 0)
        return false;
    return rest == 0 || ((address[whole] ^ net[whole]) >> (8 - rest)) == 0;
}

static void put_v4(const uint8_t v4[4], uint8_t ret[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    memcpy(ret, mapped, sizeof mapped);
    memcpy(ret + 12, v4, 4);
}

/* One form for each address: an IPv4 address inside an IPv6 one is taken out. */
static void unwrap(const uint8_t v6[16], uint8_t ret[16])
{
    static const uint8_t compatible[16] = {0}, nat64[16] = {0x00, 0x64, 0xff, 0x9b}, six_to_four[16] = {0x20, 0x02};
    memcpy(ret, v6, 16);
    if (within(v6, nat64, 96) || (within(v6, compatible, 96) && !within(v6, compatible, 120)))
        put_v4(v6 + 12, ret);
    else if (within(v6, six_to_four, 16))
        put_v4(v6 + 2, ret);
}

static const char *refusal_of(const uint8_t address[16])
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (within(address, refused[i].bytes, refused[i].bits))
            return refused[i].why;
    return NULL;
}

const char *http_address_refusal(const struct sockaddr *sa)
{
    uint8_t address[16];
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof in);
        put_v4((const uint8_t *)&in.sin_addr, address);
    } else if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, sa, sizeof in6);
        unwrap(in6.sin6_addr.s6_addr, address);
    } else {
        return "neither IPv4 nor IPv6";
    }
    return refusal_of(address);
}

const char *http_host_refusal(const char *host)
{
    char bare[HTTP_ADDRESS_MAX];
    uint8_t given[16], address[16];
    struct in_addr v4;
    if (inet_pton(AF_INET, host, &v4) == 1) {
        put_v4((const uint8_t *)&v4, address);
        return refusal_of(address);
    }
    /* An IPv6 host stands in brackets and may name an interface: [fe80::1%25eth0]. */
    size_t open = *host == '[' ? 1 : 0, n = strcspn(host + open, "]%");
    if (n >= sizeof bare)
        return NULL;
    memcpy(bare, host + open, n);
    bare[n] = '\0';
    if (inet_pton(AF_INET6, bare, given) != 1)
        return NULL;
    unwrap(given, address);
    return refusal_of(address);
}

void http_address_text(const struct sockaddr *sa, char ret[HTTP_ADDRESS_MAX])
{
    const void *bytes = sa->sa_family == AF_INET ? (const void *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr
                                                 : (const void *)&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
    if ((sa->sa_family != AF_INET && sa->sa_family != AF_INET6) || !inet_ntop(sa->sa_family, bytes, ret, HTTP_ADDRESS_MAX))
        snprintf(ret, HTTP_ADDRESS_MAX, "an address of family %d", (int)sa->sa_family);
}
