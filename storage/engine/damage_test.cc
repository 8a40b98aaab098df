// Bytes that flip in the files of a closed store: reading, opening or verifying
// says DATA_LOSS naming the key or file; no wrong value is ever returned.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/digest.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "gtest/gtest.h"
#include "storage/engine/record.h"
#include "storage/engine/rocksdb_store.h"

namespace nevus {
namespace {

using absl::StatusCode;

// Every kind of value; two of them in blob files.
std::map<std::string, std::string> Contents() {
  std::map<std::string, std::string> contents;
  for (int i = 0; i < 40; ++i) {
    const std::string text = absl::StrCat("value ", i, std::string(60, '.'));
    contents[absl::StrCat("model!m!", KeyNumber(i))] = WithChecksum(text);
    contents[absl::StrCat("present!space!", i)] = "";
  }
  for (int i = 0; i < 4; ++i) {
    const std::string image(3000 + i, static_cast<char>('a' + i));
    contents["image!" + Sha256Hex(image)] = image;
    contents[absl::StrCat("feature!space!", i)] = WithChecksum(image);
  }
  return contents;
}

class DamageTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto store = RocksDbStore::Open(dir_.path());
    ASSERT_THAT(store, IsOk());
    for (const auto& [key, value] : contents_) {
      ASSERT_THAT((*store)->Apply({{key, value}}), IsOk());
    }
    // Verifying writes what is in memory to tables and blob files.
    ASSERT_THAT(Verify(**store), testing::IsEmpty());
  }

  static std::vector<std::string> Verify(const RocksDbStore& store) {
    std::vector<std::string> damaged;
    EXPECT_THAT(store.Verify([&](const VerifyProgress& progress) {
      if (!progress.damage.empty()) damaged.push_back(progress.damage);
      return true;
    }),
                IsOk());
    return damaged;
  }

  std::vector<std::string> Files(const std::string& ending) const {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      if (absl::EndsWith(entry.path().string(), ending)) {
        files.push_back(entry.path());
      }
    }
    return files;
  }

  // The list of the store's files.
  std::string Manifest() const {
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      const std::string name = entry.path().filename();
      if (absl::StartsWith(name, "MANIFEST")) return entry.path();
    }
    return "no MANIFEST";
  }

  static void Flip(const std::string& path, std::streamoff at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const char byte = static_cast<char>(file.get() ^ 0x40);
    file.seekp(at);
    file.put(byte);
  }

  // Reads every key of the damaged store; true if damage was seen.
  bool ReadAll(const RocksDbStore& store) {
    bool seen = false;
    for (const auto& [key, value] : contents_) {
      const absl::StatusOr<std::string> stored = store.Get(key);
      if (stored.ok()) {
        EXPECT_TRUE(*stored == value) << "a wrong value of " << key;
        continue;
      }
      seen = true;
      EXPECT_THAT(stored, StatusIs(StatusCode::kDataLoss, key));
    }
    size_t scanned = 0;
    const absl::Status scan =
        store.Scan("", "", [&](std::string_view key, std::string_view value) {
          ++scanned;
          const auto expected = contents_.find(std::string(key));
          EXPECT_TRUE(expected != contents_.end() && expected->second == value)
              << "a wrong value of " << key << " in a scan";
          return true;
        });
    if (scan.ok()) {
      EXPECT_EQ(scanned, contents_.size()) << "a scan left something out";
    } else {
      seen = true;
      EXPECT_EQ(scan.code(), StatusCode::kDataLoss) << scan;
    }
    return seen;
  }

  const std::map<std::string, std::string> contents_ = Contents();
  TempDir dir_;
};

TEST_F(DamageTest, AFlippedByteIsDataLossNeverAWrongValue) {
  constexpr int kPlaces = 40;  // in each file
  std::vector<std::string> files = Files(".sst");
  ASSERT_FALSE(files.empty());
  const std::vector<std::string> blobs = Files(".blob");
  ASSERT_FALSE(blobs.empty());
  files.insert(files.end(), blobs.begin(), blobs.end());
  for (const std::string& path : files) {
    const auto size =
        static_cast<std::streamoff>(std::filesystem::file_size(path));
    int found = 0;
    for (int place = 0; place < kPlaces; ++place) {
      const std::streamoff at = size * place / kPlaces;
      SCOPED_TRACE(absl::StrCat(path, " at ", at, " of ", size));
      Flip(path, at);
      const auto store = RocksDbStore::Open(dir_.path());
      if (store.ok()) {
        const bool seen = ReadAll(**store);
        const std::vector<std::string> damaged = Verify(**store);
        EXPECT_TRUE(!seen || !damaged.empty()) << "verify must see it too";
        for (const std::string& damage : damaged) {
          EXPECT_TRUE(absl::StrContains(damage, "!") ||
                      absl::StrContains(damage, ".sst"))
              << "names no key and no file: " << damage;
        }
        found += !damaged.empty();
      } else {
        EXPECT_THAT(store, StatusIs(StatusCode::kDataLoss, dir_.path()));
        EXPECT_EQ(ReasonOf(store.status()), "STORE_DAMAGED");
        ++found;
      }
      Flip(path, at);
    }
    // A few bytes of a file hold nothing: the tail of its header, statistics.
    EXPECT_GE(found, kPlaces * 8 / 10) << path;
  }
  const auto mended = RocksDbStore::Open(dir_.path());
  ASSERT_THAT(mended, IsOk());
  EXPECT_FALSE(ReadAll(**mended));
}

TEST_F(DamageTest, VerifyGoesOnBehindDamageAndNamesEachKey) {
  const std::vector<std::string> blobs = Files(".blob");
  ASSERT_EQ(blobs.size(), 1u);
  std::ifstream file(blobs[0], std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)),
                          std::istreambuf_iterator<char>());
  std::vector<std::string> hit;
  for (const auto& [key, value] : contents_) {
    if (value.size() < 3000 || !absl::StartsWith(key, "feature!")) continue;
    const size_t at = bytes.find(value);
    ASSERT_NE(at, std::string::npos);
    Flip(blobs[0], static_cast<std::streamoff>(at + 1000));
    hit.push_back(key);
  }
  ASSERT_EQ(hit.size(), 4u);
  const auto store = RocksDbStore::Open(dir_.path());
  ASSERT_THAT(store, IsOk());
  const std::vector<std::string> damaged = Verify(**store);
  ASSERT_EQ(damaged.size(), hit.size()) << absl::StrJoin(damaged, "\n");
  for (size_t i = 0; i < hit.size(); ++i) {
    EXPECT_TRUE(absl::StrContains(damaged[i], hit[i])) << damaged[i];
  }
}

TEST_F(DamageTest, AValueThatWasDamagedBeforeItWasStoredIsFound) {
  {
    const auto store = RocksDbStore::Open(dir_.path());
    ASSERT_THAT(store, IsOk());
    ASSERT_THAT((*store)->Apply({{"image!" + Sha256Hex("a"), "b"},
                                 {"alias!m!production", "no checksum"},
                                 {"reference!a!b!1", "not empty"}}),
                IsOk());
  }
  const auto store = RocksDbStore::Open(dir_.path());
  ASSERT_THAT(store, IsOk());
  const std::vector<std::string> damaged = Verify(**store);
  ASSERT_EQ(damaged.size(), 3u) << absl::StrJoin(damaged, "\n");
  EXPECT_TRUE(absl::StrContains(damaged[0], "alias!m!production"));
  EXPECT_TRUE(absl::StrContains(damaged[1], "image!"));
  EXPECT_TRUE(absl::StrContains(damaged[2], "reference!a!b!1"));
}

TEST_F(DamageTest, AMissingFileIsDataLossNotAnEmptyStore) {
  for (const std::string ending : {".sst", "CURRENT"}) {
    const std::vector<std::string> files = Files(ending);
    ASSERT_FALSE(files.empty()) << ending;
    std::filesystem::rename(files[0], dir_.File("aside"));
    const absl::Status refused = RocksDbStore::Open(dir_.path()).status();
    EXPECT_THAT(refused, StatusIs(StatusCode::kDataLoss, dir_.path()));
    EXPECT_EQ(ReasonOf(refused), "STORE_DAMAGED");
    std::filesystem::rename(dir_.File("aside"), files[0]);
  }
  EXPECT_THAT(RocksDbStore::Open(dir_.path()), IsOk());
}

TEST_F(DamageTest, AFlippedByteOfTheListOfFilesIsDataLoss) {
  for (const std::string& path : {dir_.File("CURRENT"), Manifest()}) {
    Flip(path, 9);
    EXPECT_THAT(RocksDbStore::Open(dir_.path()),
                StatusIs(StatusCode::kDataLoss, dir_.path()))
        << path;
    Flip(path, 9);
  }
  EXPECT_THAT(RocksDbStore::Open(dir_.path()), IsOk());
}

TEST_F(DamageTest, VerifyEndsWhenItsVisitorSaysSo) {
  const auto store = RocksDbStore::Open(dir_.path());
  ASSERT_THAT(store, IsOk());
  int calls = 0;
  EXPECT_THAT((*store)->Verify([&](const VerifyProgress&) {
    ++calls;
    return calls < 3;
  }),
              StatusIs(StatusCode::kCancelled, "ended"));
  EXPECT_EQ(calls, 3);
}

}  // namespace
}  // namespace nevus
