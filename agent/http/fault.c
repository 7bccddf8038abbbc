/* The table.  What is not in it is transient: a step's retries end by themselves, while a wrong "permanent" needs a person. */
#include "agent/http/fault.h"

#include <curl/curl.h>

static const struct { CURLcode code; struct http_fault fault; } faults[] = {
    {CURLE_COULDNT_RESOLVE_HOST, {false, "the host's name could not be looked up"}},
    {CURLE_COULDNT_RESOLVE_PROXY, {false, "the proxy's name could not be looked up"}},
    {CURLE_COULDNT_CONNECT, {false, "could not connect"}},
    {CURLE_OPERATION_TIMEDOUT, {false, "time limit"}},
    {CURLE_SSL_CONNECT_ERROR, {false, "the TLS handshake failed"}},
    {CURLE_SEND_ERROR, {false, "the connection broke while sending"}},
    {CURLE_RECV_ERROR, {false, "the connection broke before the whole answer was there"}},
    {CURLE_GOT_NOTHING, {false, "the connection broke before the answer"}},
    {CURLE_PARTIAL_FILE, {false, "the connection broke before the whole answer was there"}},
    {CURLE_HTTP2, {false, "the connection broke (HTTP/2)"}},
    {CURLE_HTTP2_STREAM, {false, "the connection broke (HTTP/2)"}},
    {CURLE_PEER_FAILED_VERIFICATION, {true, "the server's certificate was not accepted"}},
    {CURLE_SSL_ISSUER_ERROR, {true, "the server's certificate was not accepted"}},
    {CURLE_SSL_INVALIDCERTSTATUS, {true, "the server's certificate was not accepted"}},
    {CURLE_SSL_CACERT_BADFILE, {true, "the certificates to trust cannot be read (SSL_CERT_FILE, SSL_CERT_DIR)"}},
    {CURLE_SSL_CERTPROBLEM, {true, "TLS cannot be set up"}},
    {CURLE_SSL_CIPHER, {true, "TLS cannot be set up"}},
    {CURLE_SSL_ENGINE_INITFAILED, {true, "TLS cannot be set up"}},
    {CURLE_UNSUPPORTED_PROTOCOL, {true, "the address is neither http nor https, or the answer is no HTTP"}},
    {CURLE_URL_MALFORMAT, {true, "the address cannot be read"}},
    {CURLE_LOGIN_DENIED, {true, "the address holds a user"}},
    {CURLE_WEIRD_SERVER_REPLY, {true, "the answer is no HTTP"}},
    {CURLE_BAD_CONTENT_ENCODING, {true, "the answer's encoding cannot be read"}},
    {CURLE_WRITE_ERROR, {true, "the answer is too long (2 GiB is the most, and 256 KiB of headers)"}},
    {CURLE_FILESIZE_EXCEEDED, {true, "the answer is too long (2 GiB is the most)"}},
};

struct http_fault http_fault_of(int code)
{
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if ((int)faults[i].code == code)
            return faults[i].fault;
    return (struct http_fault){false, "the call failed"};
}
