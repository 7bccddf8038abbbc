/* One table of statuses: words for people.  The class follows from the number alone, so that servers may invent statuses. */
#include "agent/http/status.h"

#include <string.h>

static const struct { int status; const char *words; } statuses[] = {
    {200, "OK"}, {201, "Created"}, {202, "Accepted"}, {203, "Non-Authoritative Information"}, {204, "No Content"},
    {205, "Reset Content"}, {206, "Partial Content"}, {207, "Multi-Status"},
    {300, "Multiple Choices"}, {301, "Moved Permanently"}, {302, "Found"}, {303, "See Other"}, {304, "Not Modified"},
    {307, "Temporary Redirect"}, {308, "Permanent Redirect"},
    {400, "Bad Request"}, {401, "Unauthorized"}, {402, "Payment Required"}, {403, "Forbidden"}, {404, "Not Found"},
    {405, "Method Not Allowed"}, {406, "Not Acceptable"}, {407, "Proxy Authentication Required"}, {408, "Request Timeout"},
    {409, "Conflict"}, {410, "Gone"}, {411, "Length Required"}, {412, "Precondition Failed"}, {413, "Content Too Large"},
    {414, "URI Too Long"}, {415, "Unsupported Media Type"}, {416, "Range Not Satisfiable"}, {417, "Expectation Failed"},
    {421, "Misdirected Request"}, {422, "Unprocessable Content"}, {423, "Locked"}, {424, "Failed Dependency"}, {425, "Too Early"},
    {426, "Upgrade Required"}, {428, "Precondition Required"}, {429, "Too Many Requests"}, {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"}, {501, "Not Implemented"}, {502, "Bad Gateway"}, {503, "Service Unavailable"},
    {504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"}, {507, "Insufficient Storage"}, {508, "Loop Detected"},
    {511, "Network Authentication Required"},
};

bool http_expect_parse(const char *word, struct http_expect *ret)
{
    if (strlen(word) != 3 || word[0] < '1' || word[0] > '5')
        return false;
    int hundred = (word[0] - '0') * 100;
    if (strcmp(word + 1, "xx") == 0) {
        *ret = (struct http_expect){hundred, hundred + 99};
        return true;
    }
    if (word[1] < '0' || word[1] > '9' || word[2] < '0' || word[2] > '9')
        return false;
    int status = hundred + (word[1] - '0') * 10 + (word[2] - '0');
    *ret = (struct http_expect){status, status};
    return true;
}

bool http_expected(const struct http_expect *ranges, size_t n, int status)
{
    for (size_t i = 0; i < n; i++)
        if (status >= ranges[i].low && status <= ranges[i].high)
            return true;
    return false;
}

bool http_status_transient(int status)
{
    return status == 408 || status == 425 || status == 429 || (status >= 500 && status <= 599);
}

const char *http_status_words(int status)
{
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (statuses[i].status == status)
            return statuses[i].words;
    return "";
}
