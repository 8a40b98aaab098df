// The store on a real full disk: a small tmpfs of this test's own. In a child
// process, for the mount needs a namespace of its own, and such a child must be
// made before there are threads.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/temp_dir.h"
#include "gtest/gtest.h"
#include "storage/engine/rocksdb_store.h"

namespace nevus {
namespace {

constexpr char kSkip[] = "skipped: ";
constexpr char kSize[] = "size=48m";
constexpr size_t kBallastBytes = 24 << 20;

// "" if all is well, else what is wrong. Runs in the child.
std::string FillAndGoOn(const std::string& dir) {
  const std::string ballast = dir + "/ballast";
  {
    const int file =
        open(ballast.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    const std::string block(1 << 20, 'b');
    for (size_t at = 0; at < kBallastBytes; at += block.size()) {
      if (write(file, block.data(), block.size()) < 0) return "no ballast";
    }
    close(file);
  }
  RocksDbOptions options;
  options.write_buffer_bytes = 1 << 20;
  auto store = RocksDbStore::Open(dir + "/store", options);
  if (!store.ok()) return store.status().ToString();

  std::map<std::string, char> acknowledged;
  absl::Status refused;
  for (int i = 0; refused.ok() && i < 1000; ++i) {
    const std::string key = absl::StrCat("key", i);
    const char letter = static_cast<char>('a' + i % 26);
    refused = (*store)->Apply({{key, std::string(100'000, letter)}});
    if (refused.ok()) acknowledged[key] = letter;
  }
  if (ReasonOf(refused) != "DISK_FULL") {
    return "not refused with DISK_FULL: " + refused.ToString();
  }
  if (acknowledged.size() < 50) return "it was full from the beginning";
  const auto check = [&]() -> std::string {
    for (const auto& [key, letter] : acknowledged) {
      const auto value = (*store)->Get(key);
      if (!value.ok()) return value.status().ToString();
      if (*value != std::string(100'000, letter)) return "a wrong " + key;
    }
    return "";
  };
  if (std::string wrong = check(); !wrong.empty()) return "full: " + wrong;
  if (ReasonOf((*store)->Apply({{"more", std::string(5'000'000, 'm')}})) !=
      "DISK_FULL") {
    return "a full disk took 5 MB";
  }

  std::filesystem::remove(ballast);
  const absl::Status again = (*store)->Apply({{"more", "m"}});
  if (!again.ok()) return "with space again: " + again.ToString();
  if (std::string wrong = check(); !wrong.empty()) return "again: " + wrong;
  store->reset();
  store = RocksDbStore::Open(dir + "/store", options);
  if (!store.ok()) return "reopened: " + store.status().ToString();
  if (!(*store)->Get("more").ok()) return "reopened: \"more\" is lost";
  return check();
}

std::string InAMountOfItsOwn(const std::string& dir) {
  // As root a mount namespace is enough; others need a user namespace too.
  if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    return absl::StrCat(kSkip, "no mount namespace: ", std::strerror(errno));
  }
  mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  if (mount("tmpfs", dir.c_str(), "tmpfs", 0, kSize) != 0) {
    return absl::StrCat(kSkip, "cannot mount a tmpfs: ", std::strerror(errno));
  }
  return FillAndGoOn(dir);
}

TEST(FullTmpfsTest, AFullDiskRefusesAndTheStoreGoesOnWhenThereIsSpace) {
  const TempDir dir;
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const std::string result = InAMountOfItsOwn(dir.path());
    const bool is_told = write(ends[1], result.data(), result.size()) ==
                         static_cast<ssize_t>(result.size());
    _exit(is_told ? 0 : 1);
  }
  close(ends[1]);
  std::string result;
  char buffer[4096];
  for (ssize_t got; (got = read(ends[0], buffer, sizeof(buffer))) > 0;) {
    result.append(buffer, static_cast<size_t>(got));
  }
  close(ends[0]);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
      << "the child died: " << status;
  if (absl::StartsWith(result, kSkip)) GTEST_SKIP() << result;
  EXPECT_EQ(result, "");
}

}  // namespace
}  // namespace nevus
