#include "storage/engine/rocksdb_store.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "base/status.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "gtest/gtest.h"
#include "storage/testing/conformance.h"

namespace nevus {
namespace {

using absl::StatusCode;

// A store that brings its directory along.
class TempRocksDb : public KeyValueStore {
 public:
  absl::Status Open() {
    absl::StatusOr<std::unique_ptr<RocksDbStore>> store =
        RocksDbStore::Open(dir_.path());
    if (store.ok()) store_ = *std::move(store);
    return store.status();
  }
  absl::StatusOr<std::string> Get(const std::string& key) const override {
    return store_->Get(key);
  }
  absl::Status Apply(std::vector<Mutation> batch) override {
    return store_->Apply(std::move(batch));
  }
  absl::Status Scan(const std::string& prefix, const std::string& start_after,
                    const Visitor& visit) const override {
    return store_->Scan(prefix, start_after, visit);
  }

 private:
  TempDir dir_;
  std::unique_ptr<RocksDbStore> store_;
};

INSTANTIATE_TEST_SUITE_P(
    RocksDb, KeyValueStoreTest,
    testing::Values(StoreFactory([]() -> std::unique_ptr<KeyValueStore> {
      auto store = std::make_unique<TempRocksDb>();
      if (!store->Open().ok()) return nullptr;
      return store;
    })));

std::unique_ptr<RocksDbStore> OpenOrDie(const std::string& dir) {
  absl::StatusOr<std::unique_ptr<RocksDbStore>> store = RocksDbStore::Open(dir);
  EXPECT_THAT(store, IsOk());
  return *std::move(store);
}

// The first file below `dir` that ends in `suffix`.
std::string FindFile(const std::string& dir, const std::string& suffix) {
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    if (entry.path().extension() == suffix) return entry.path();
  }
  ADD_FAILURE() << "no " << suffix << " in " << dir;
  return "";
}

void FlipByteInTheMiddle(const std::string& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const auto middle =
      static_cast<std::streamoff>(std::filesystem::file_size(path) / 2);
  file.seekg(middle);
  const char byte = static_cast<char>(file.get() ^ 1);
  file.seekp(middle);
  file.put(byte);
}

TEST(RocksDbStoreTest, ReopeningKeepsEverything) {
  TempDir dir;
  const std::string nested = dir.File("a/b");
  const std::string image(100'000, 'x');
  ASSERT_THAT(OpenOrDie(nested)->Apply({{"small", "1"}, {"image", image}}),
              IsOk());
  const auto store = OpenOrDie(nested);
  EXPECT_EQ(store->Get("small").value(), "1");
  EXPECT_EQ(store->Get("image").value(), image);
}

TEST(RocksDbStoreTest, AFlippedByteOfAValueIsDataLossNamingTheKey) {
  TempDir dir;
  ASSERT_THAT(
      OpenOrDie(dir.path())->Apply({{"image", std::string(100'000, 'x')}}),
      IsOk());
  OpenOrDie(dir.path());  // Moves the value from the log to a blob file.
  FlipByteInTheMiddle(FindFile(dir.path(), ".blob"));
  const auto store = OpenOrDie(dir.path());
  EXPECT_THAT(store->Get("image"),
              StatusIs(StatusCode::kDataLoss, "\"image\""));
  EXPECT_THAT(
      store->Scan("", "",
                  [](std::string_view, std::string_view) { return true; }),
      StatusIs(StatusCode::kDataLoss, "damaged"));
}

TEST(RocksDbStoreTest, ADamagedLogIsRefusedNotCutShort) {
  TempDir dir;
  {
    const auto store = OpenOrDie(dir.path());
    for (const char* key : {"a", "b", "c"}) {
      ASSERT_THAT(store->Apply({{key, std::string(900, 'x')}}), IsOk());
    }
  }
  FlipByteInTheMiddle(FindFile(dir.path(), ".log"));
  EXPECT_THAT(RocksDbStore::Open(dir.path()),
              StatusIs(StatusCode::kDataLoss, dir.path()));
}

TEST(RocksDbStoreTest, ANewerFormatIsRefusedSayingSo) {
  TempDir dir;
  OpenOrDie(dir.path());
  ASSERT_THAT(OverwriteFormatForTest(dir.path(), kStorageFormat + 1), IsOk());
  const absl::Status refused = RocksDbStore::Open(dir.path()).status();
  EXPECT_THAT(refused, StatusIs(StatusCode::kFailedPrecondition, "format 2"));
  EXPECT_EQ(ReasonOf(refused), "STORE_FORMAT_NEWER");
}

TEST(RocksDbStoreTest, AStoreThatIsOpenElsewhereIsRefusedSayingSo) {
  TempDir dir;
  const auto store = OpenOrDie(dir.path());
  const absl::Status refused = RocksDbStore::Open(dir.path()).status();
  EXPECT_THAT(refused, StatusIs(StatusCode::kFailedPrecondition, "locked"));
  EXPECT_EQ(ReasonOf(refused), "STORE_LOCKED");
}

TEST(RocksDbStoreTest, ADirectoryThatCannotBeMadeIsNamed) {
  TempDir dir;
  std::ofstream(dir.File("file")) << "x";
  EXPECT_THAT(RocksDbStore::Open(dir.File("file/below")),
              StatusIs(StatusCode::kFailedPrecondition, "file/below"));
}

}  // namespace
}  // namespace nevus
