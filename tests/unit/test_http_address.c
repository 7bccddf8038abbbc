#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "common/http_address.h"

static const struct { const char *text; bool refused; } cases[] = {
    {"169.254.0.0", true}, {"169.254.169.254", true}, {"169.254.255.255", true}, {"169.253.255.255", false}, {"169.255.0.0", false},
    {"100.100.100.200", true}, {"100.100.100.201", false}, {"192.0.0.192", true}, {"168.63.129.16", true},
    {"127.0.0.1", false}, {"10.0.0.1", false}, {"192.168.1.1", false}, {"172.16.0.1", false}, {"8.8.8.8", false}, {"0.0.0.0", false},
    {"fe80::", true}, {"fe80::1", true}, {"febf:ffff::1", true}, {"fec0::1", false}, {"fe7f::1", false},
    {"fd00:ec2::254", true}, {"fd00:ec2::253", false}, {"fd20:ce::254", true}, {"fd00::1", false}, {"::1", false}, {"::", false},
    {"2001:db8::1", false},
    /* IPv4 in the clothes of IPv6: mapped, compatible, NAT64, 6to4 */
    {"::ffff:169.254.169.254", true}, {"::ffff:127.0.0.1", false}, {"::169.254.169.254", true}, {"::127.0.0.1", false},
    {"64:ff9b::169.254.169.254", true}, {"64:ff9b::8.8.8.8", false}, {"64:ff9b:1::169.254.169.254", false}, {"2002:a9fe:a9fe::1", true},
    {"2002:808:808::1", false},
};

Test(http_address, which_are_refused)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sockaddr_in in = {.sin_family = AF_INET};
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
        bool four = inet_pton(AF_INET, cases[i].text, &in.sin_addr) == 1;
        cr_assert(four || inet_pton(AF_INET6, cases[i].text, &in6.sin6_addr) == 1, "%s", cases[i].text);
        const struct sockaddr *sa = four ? (const struct sockaddr *)&in : (const struct sockaddr *)&in6;
        cr_assert_eq(http_address_refusal(sa) != NULL, cases[i].refused, "%s", cases[i].text);
        char host[64], shown[HTTP_ADDRESS_MAX];
        snprintf(host, sizeof host, four ? "%s" : "[%s]", cases[i].text);
        cr_assert_eq(http_host_refusal(host) != NULL, cases[i].refused, "%s", host);
        http_address_text(sa, shown);
        cr_assert(strchr(shown, four ? '.' : ':'), "%s", shown);
    }
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    char shown[HTTP_ADDRESS_MAX];
    cr_assert_not_null(http_address_refusal((const struct sockaddr *)&un));
    http_address_text((const struct sockaddr *)&un, shown);
    cr_assert_str_eq(shown, "an address of family 1");
}

Test(http_address, hosts)
{
    static const struct { const char *host; bool refused; } hosts[] = {
        {"example.org", false}, {"169.254.169.254.example.org", false}, {"[fe80::1%25eth0]", true}, {"[fe80::1%eth0]", true},
        {"fe80::1", true},
        {"", false}, {"[", false}, {"[]", false},
        {"[fe80:0000000000000000000000000000000000000000000000000000000000000000]", false},
    };
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        cr_assert_eq(http_host_refusal(hosts[i].host) != NULL, hosts[i].refused, "%s", hosts[i].host);
}
