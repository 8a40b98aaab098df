// The store on disks that are full or fail: a clear error, and nothing that was
// acknowledged is lost. The machine's power goes in tests/chaos/power_loss.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "storage/engine/rocksdb_store.h"
#include "storage/engine/testing/faulty_file_system.h"

namespace nevus {
namespace {

using absl::StatusCode;

constexpr char kDir[] = "/data/store";

class BadDiskTest : public testing::Test {
 protected:
  void Open() {
    RocksDbOptions options;
    options.env = disk_.env();
    options.write_buffer_bytes = 64 << 10;
    absl::StatusOr<std::unique_ptr<RocksDbStore>> store =
        RocksDbStore::Open(kDir, options);
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
  }

  // Writes keys until one is refused, and returns why; OK after `most`. What
  // was acknowledged joins `acknowledged_`.
  absl::Status WriteKeys(int most, size_t value_bytes) {
    for (int i = 0; i < most; ++i) {
      const std::string key = absl::StrCat("key", next_++);
      const std::string value(value_bytes, static_cast<char>('a' + i % 26));
      const absl::Status status = store_->Apply({{key, value}});
      if (!status.ok()) return status;
      acknowledged_[key] = value;
    }
    return absl::OkStatus();
  }

  void ExpectAllAcknowledged() {
    for (const auto& [key, value] : acknowledged_) {
      const absl::StatusOr<std::string> stored = store_->Get(key);
      ASSERT_THAT(stored, IsOk());
      EXPECT_TRUE(*stored == value) << key;
    }
  }

  void LosePowerAndOpen(uint64_t seed = 0) {
    store_.reset();
    disk_.LosePower(seed);
    Open();
  }

  FaultyFileSystem disk_;
  std::unique_ptr<RocksDbStore> store_;
  std::map<std::string, std::string> acknowledged_;
  int next_ = 0;
};

void ExpectDiskFull(const absl::Status& status) {
  EXPECT_THAT(status,
              StatusIs(StatusCode::kResourceExhausted, "free some space"));
  EXPECT_EQ(ReasonOf(status), "DISK_FULL");
  EXPECT_GT(RetryDelayOf(status), absl::ZeroDuration());
}

// The disk becomes full at every place in turn: in the log, in a table, in a
// blob file, in the manifest.
TEST_F(BadDiskTest, WhereverTheDiskBecomesFullTheStoreGoesOnWhenThereIsSpace) {
  int refused = 0;
  for (const int64_t space :
       {0, 1, 7, 100, 1000, 5000, 20'000, 60'000, 70'000, 90'000, 100'000,
        130'000, 140'000, 150'000, 200'000, 250'000}) {
    for (const size_t value_bytes : {100, 3000}) {
      SCOPED_TRACE(absl::StrCat("space ", space, ", values ", value_bytes));
      Open();
      ASSERT_THAT(WriteKeys(3, value_bytes), IsOk());
      disk_.LimitSpace(space);
      ExpectDiskFull(WriteKeys(20'000, value_bytes));
      ExpectDiskFull(WriteKeys(1, value_bytes));
      ExpectAllAcknowledged();
      disk_.LiftLimit();
      ASSERT_THAT(WriteKeys(100, value_bytes), IsOk()) << "without reopening";
      ExpectAllAcknowledged();
      LosePowerAndOpen();
      ExpectAllAcknowledged();
      store_.reset();
      ++refused;
    }
  }
  EXPECT_EQ(refused, 32);
}

// To RocksDB a quota is another error, and the disk has space all the while.
TEST_F(BadDiskTest, AQuotaThatIsReachedIsAFullDisk) {
  for (const int64_t space : {0, 100, 5000, 70'000, 140'000, 250'000}) {
    for (const size_t value_bytes : {100, 3000}) {
      SCOPED_TRACE(absl::StrCat("space ", space, ", values ", value_bytes));
      Open();
      ASSERT_THAT(WriteKeys(3, value_bytes), IsOk());
      disk_.LimitQuota(space);
      ExpectDiskFull(WriteKeys(20'000, value_bytes));
      ExpectDiskFull(WriteKeys(1, value_bytes));
      ExpectAllAcknowledged();
      disk_.LiftLimit();
      ASSERT_THAT(WriteKeys(100, value_bytes), IsOk()) << "without reopening";
      ExpectAllAcknowledged();
      LosePowerAndOpen();
      ExpectAllAcknowledged();
      store_.reset();
    }
  }
}

// Writes of a page and more are those of tables, by a flush or a compaction.
// After a compaction RocksDB goes on, until it would have to wait for one.
TEST_F(BadDiskTest, OneWriteThatFindsNoSpaceDoesNotStopTheStore) {
  Open();
  for (const size_t least_bytes : {1, 4096}) {
    for (int at = 1; at <= 12; ++at) {
      SCOPED_TRACE(absl::StrCat("write ", at, " of ", least_bytes));
      disk_.BeFullOnce(at, least_bytes);
      next_ = 0;  // the same keys, so that there is something to compact
      const auto value_bytes = static_cast<size_t>(1000 - at);  // other values
      ASSERT_THAT(WriteKeys(1500, value_bytes), IsOk());
    }
  }
  ExpectAllAcknowledged();
  LosePowerAndOpen();
  ExpectAllAcknowledged();
}

TEST_F(BadDiskTest, TheFirstWriteAfterOpeningMayFindTheDiskFull) {
  Open();
  ASSERT_THAT(WriteKeys(10, 100), IsOk());
  for (const int64_t space : {0, 20, 50}) {
    SCOPED_TRACE(space);
    store_.reset();
    Open();
    disk_.LimitSpace(space);
    ExpectDiskFull(WriteKeys(1, 1000));
    disk_.LiftLimit();
    ASSERT_THAT(WriteKeys(10, 100), IsOk());
    LosePowerAndOpen();
    ExpectAllAcknowledged();
  }
}

TEST_F(BadDiskTest, OpeningOnAFullDiskSaysSo) {
  Open();
  ASSERT_THAT(WriteKeys(10, 100), IsOk());
  store_.reset();
  RocksDbOptions options;
  options.env = disk_.env();
  disk_.LimitSpace(0);
  ExpectDiskFull(RocksDbStore::Open(kDir, options).status());
  disk_.LiftLimit();
  Open();
  ExpectAllAcknowledged();
}

TEST_F(BadDiskTest, AfterAFailedWriteNothingMoreIsStoredAndNothingIsLost) {
  int failures = 0;
  for (int at = 1; at <= 40; ++at) {
    for (const bool sync : {false, true}) {
      SCOPED_TRACE(absl::StrCat(sync ? "sync " : "write ", at));
      Open();
      if (sync) {
        disk_.FailSync(at);
      } else {
        disk_.FailWrite(at);
      }
      const absl::Status failed = WriteKeys(60, 3000);
      if (!failed.ok()) {
        ++failures;
        EXPECT_THAT(failed, StatusIs(StatusCode::kInternal, kDir));
        EXPECT_EQ(ReasonOf(failed), "DISK_FAILED");
        EXPECT_EQ(ReasonOf(WriteKeys(1, 10)), "DISK_FAILED") << "still";
      }
      ExpectAllAcknowledged();
      LosePowerAndOpen(static_cast<uint64_t>(at));
      ExpectAllAcknowledged();
      store_.reset();
    }
  }
  EXPECT_GE(failures, 40);
}

TEST_F(BadDiskTest, ANewStoreIsThereAfterAPowerLossAsSoonAsItAcknowledged) {
  Open();
  ASSERT_THAT(WriteKeys(1, 10), IsOk());
  LosePowerAndOpen();
  ExpectAllAcknowledged();
}

TEST_F(BadDiskTest, ACheckpointOnAFullDiskFailsAndLeavesNothing) {
  Open();
  ASSERT_THAT(WriteKeys(10, 3000), IsOk());
  disk_.LimitSpace(1000);
  ExpectDiskFull(store_->Checkpoint("/backup/store"));
  disk_.LiftLimit();
  EXPECT_THAT(store_->Checkpoint("/backup/store"), IsOk());
  ASSERT_THAT(WriteKeys(10, 3000), IsOk());
}

TEST_F(BadDiskTest, ACheckpointIsSyncedWhenItIsDone) {
  Open();
  ASSERT_THAT(WriteKeys(100, 3000), IsOk());
  ASSERT_THAT(store_->Checkpoint("/backup/store"), IsOk());
  const auto at_backup = acknowledged_;
  ASSERT_THAT(WriteKeys(100, 3000), IsOk());
  LosePowerAndOpen();
  ExpectAllAcknowledged();
  RocksDbOptions options;
  options.env = disk_.env();
  const auto copy = RocksDbStore::Open("/backup/store", options);
  ASSERT_THAT(copy, IsOk());
  size_t keys = 0;
  ASSERT_THAT(
      (*copy)->Scan(
          "", "",
          [&](std::string_view key, std::string_view value) {
            const auto found = at_backup.find(std::string(key));
            EXPECT_TRUE(found != at_backup.end() && found->second == value)
                << key;
            ++keys;
            return true;
          }),
      IsOk());
  EXPECT_EQ(keys, at_backup.size());
}

}  // namespace
}  // namespace nevus
