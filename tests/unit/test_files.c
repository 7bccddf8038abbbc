#include "common/files.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"

#define LEN(a) (sizeof(a) / sizeof *(a))

static char folder[64];

static void make_folder(void)
{
    strcpy(folder, "/tmp/bf-test-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

static void drop_folder(void)
{
    BF_AUTO_FREE char *command = bf_xasprintf("rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(files, .init = make_folder, .fini = drop_folder);

static size_t count_entries(void)
{
    DIR *d = opendir(folder);
    size_t n = 0;
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

Test(files, what_was_written_is_read_and_nothing_is_left_beside)
{
    BF_AUTO_FREE char *path = bf_path_join(folder, "f");
    struct bf_error err = {0};
    struct bf_buf b = {0};
    char big[200000];
    memset(big, 'y', sizeof big);
    cr_assert_eq(bf_file_write(path, "one", 3, 0600, &err), BF_OK, "%s", err.text);
    cr_assert_eq(bf_file_write(path, big, sizeof big, 0640, &err), BF_OK, "%s", err.text);
    cr_assert_eq(bf_file_read(path, sizeof big, &b, &err), BF_OK, "%s", err.text);
    cr_expect(b.len == sizeof big && memcmp(b.data, big, sizeof big) == 0);
    cr_expect_eq(count_entries(), 1);
    struct stat st;
    cr_assert_eq(stat(path, &st), 0);
    cr_expect_eq(st.st_mode & 0777, 0640);
    cr_assert_eq(bf_file_write(path, "", 0, 0600, &err), BF_OK);
    cr_assert_eq(bf_file_read(path, 0, &b, &err), BF_OK, "an empty file fits a cap of nothing");
    cr_expect_eq(b.len, 0);
    bf_buf_free(&b);
}

Test(files, the_cap_is_exact)
{
    BF_AUTO_FREE char *path = bf_path_join(folder, "f");
    struct bf_error err = {0};
    struct bf_buf b = {0};
    cr_assert_eq(bf_file_write(path, "12345", 5, 0600, &err), BF_OK);
    static const struct { size_t cap; enum bf_rc rc; } rows[] = {{5, BF_OK}, {4, BF_LIMIT}, {0, BF_LIMIT}, {1 << 20, BF_OK}};
    for (size_t i = 0; i < LEN(rows); i++)
        cr_expect_eq(bf_file_read(path, rows[i].cap, &b, &err), rows[i].rc, "cap %zu", rows[i].cap);
    bf_buf_free(&b);
}

Test(files, failures_say_what_and_where)
{
    struct bf_error err = {0};
    struct bf_buf b = {0};
    BF_AUTO_FREE char *none = bf_path_join(folder, "none"), *below = bf_path_join(folder, "none/x");
    cr_expect_eq(bf_file_read(none, 10, &b, &err), BF_NOT_FOUND);
    cr_expect(strstr(err.text, none) && strstr(err.text, "No such file"), "%s", err.text);
    cr_expect_eq(bf_file_read(folder, 10, &b, &err), BF_IO, "a folder is no file");
    cr_expect_eq(bf_file_write(below, "x", 1, 0600, &err), BF_IO);
    cr_expect(strstr(err.text, below) != NULL, "%s", err.text);
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    cr_expect_eq(bf_write_all(fd, "x", 1, &err), BF_FULL);
    close(fd);
    bf_buf_free(&b);
}

Test(files, a_write_that_fails_leaves_the_old_file)
{
    struct bf_error err = {0};
    BF_AUTO_FREE char *sub = bf_path_join(folder, "d");
    cr_assert_eq(mkdir(sub, 0700), 0);
    cr_expect_eq(bf_file_write(sub, "x", 1, 0600, &err), BF_IO, "a folder cannot be replaced");
    cr_expect_eq(count_entries(), 1, "the file beside is removed");
}

Test(files, a_pipe_is_read_to_its_end)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(write(ends[1], "piped", 5), 5);
    close(ends[1]);
    cr_assert_geq(dup2(ends[0], STDIN_FILENO), 0);
    struct bf_buf b = {0};
    struct bf_error err = {0};
    cr_assert_eq(bf_file_read("-", 100, &b, &err), BF_OK, "%s", err.text);
    cr_expect_str_eq(bf_buf_cstr(&b), "piped");
    bf_buf_free(&b);
}

Test(files, mkdirs)
{
    struct bf_error err = {0};
    struct stat st;
    BF_AUTO_FREE char *deep = bf_path_join(folder, "a/b/c"), *file = bf_path_join(folder, "f"), *under = bf_path_join(folder, "f/x");
    cr_expect_eq(bf_mkdirs(deep, 0755, &err), BF_OK, "%s", err.text);
    cr_expect(stat(deep, &st) == 0 && S_ISDIR(st.st_mode));
    cr_expect_eq(bf_mkdirs(deep, 0755, &err), BF_OK, "twice is fine");
    cr_assert_eq(bf_file_write(file, "", 0, 0600, &err), BF_OK);
    cr_expect_eq(bf_mkdirs(file, 0755, &err), BF_IO);
    cr_expect_eq(bf_mkdirs(under, 0755, &err), BF_IO);
    cr_expect_eq(bf_mkdirs("/", 0755, &err), BF_OK);
}

Test(files, paths)
{
    static const struct { const char *dir, *name, *joined; } joins[] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"/", "b", "/b"}, {"a", "/b", "/b"}, {"", "b", "b"}, {".", "b", "./b"},
    };
    for (size_t i = 0; i < LEN(joins); i++) {
        BF_AUTO_FREE char *p = bf_path_join(joins[i].dir, joins[i].name);
        cr_expect_str_eq(p, joins[i].joined);
    }
    static const struct { const char *path, *dir; } dirs[] = {
        {"a/b", "a"}, {"b", "."}, {"/b", "/"}, {"/", "/"}, {"a/b/", "a"}, {"a//b", "a"}, {"", "."}, {"/a/b/c", "/a/b"}, {"//b", "/"},
    };
    for (size_t i = 0; i < LEN(dirs); i++) {
        BF_AUTO_FREE char *p = bf_path_dir(dirs[i].path);
        cr_expect_str_eq(p, dirs[i].dir, "of %s", dirs[i].path);
    }
}
