// The store on the machine's own files when a quota is reached. A file system
// with quotas is no test's to make; so the system calls of the C library that
// RocksDB calls are replaced by ones that fail as with a quota (EDQUOT), and
// everything above them is real.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "gtest/gtest.h"
#include "storage/engine/rocksdb_store.h"

namespace {

constexpr int64_t kNoQuota = std::numeric_limits<int64_t>::max();
std::atomic<int64_t> quota_left{kNoQuota};

// Takes `bytes` of the quota, or nothing. Standard output and error are free.
bool Take(int file, int64_t bytes) {
  if (file <= 2 || quota_left == kNoQuota) return true;
  if (quota_left.fetch_sub(bytes) >= bytes) return true;
  quota_left += bytes;
  errno = EDQUOT;
  return false;
}

}  // namespace

extern "C" ssize_t write(int file, const void* data, size_t size) {
  if (!Take(file, static_cast<int64_t>(size))) return -1;
  return syscall(SYS_write, file, data, size);
}

extern "C" int fallocate(int file, int mode, off_t offset, off_t size) {
  if ((mode & FALLOC_FL_PUNCH_HOLE) == 0 && size > quota_left) {
    errno = EDQUOT;
    return -1;
  }
  return static_cast<int>(syscall(SYS_fallocate, file, mode, offset, size));
}

namespace nevus {
namespace {

TEST(QuotaTest, AQuotaThatIsReachedIsAFullDisk) {
  const TempDir dir;
  RocksDbOptions options;
  options.write_buffer_bytes = 64 << 10;
  auto store = RocksDbStore::Open(dir.File("store"), options);
  ASSERT_THAT(store, IsOk());

  quota_left = 1 << 20;
  std::map<std::string, std::string> acknowledged;
  absl::Status refused;
  for (int i = 0; refused.ok() && i < 2000; ++i) {
    const std::string key = absl::StrCat("key", i);
    const std::string value(3000, static_cast<char>('a' + i % 26));
    refused = (*store)->Apply({{key, value}});
    if (refused.ok()) acknowledged[key] = value;
  }
  EXPECT_EQ(ReasonOf(refused), "DISK_FULL") << refused;
  EXPECT_GT(acknowledged.size(), 50u);
  EXPECT_EQ(ReasonOf((*store)->Apply({{"more", "m"}})), "DISK_FULL");
  const auto check = [&] {
    for (const auto& [key, value] : acknowledged) {
      const auto stored = (*store)->Get(key);
      ASSERT_THAT(stored, IsOk());
      EXPECT_TRUE(*stored == value) << key;
    }
  };
  check();

  quota_left = kNoQuota;
  EXPECT_THAT((*store)->Apply({{"more", "m"}}), IsOk());
  check();
  store->reset();
  store = RocksDbStore::Open(dir.File("store"), options);
  ASSERT_THAT(store, IsOk());
  check();
}

}  // namespace
}  // namespace nevus
