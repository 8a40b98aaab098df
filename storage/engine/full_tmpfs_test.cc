// The store on a disk that is really full: a small tmpfs of this test's own,
// below RocksDB as it is built here. In a child process, since the mount needs
// a namespace of its own, and such a child must be made before there are
// threads; and since what RocksDB does on a full disk may be to abort.
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/small_disk.h"
#include "base/status.h"
#include "base/temp_dir.h"
#include "gtest/gtest.h"
#include "storage/engine/rocksdb_store.h"

namespace nevus {
namespace {

constexpr char kSkip[] = "skipped: ";

// A disk, what fills it, and the values that find it full.
struct Scene {
  const char* name;
  const char* mount_options;
  // What is removed to make space again, each of the two times.
  size_t ballast_bytes;
  size_t ballast_files;
  bool is_out_of_inodes;  // with bytes left
  // Value i has `value_bytes` + i % 7, so that the disk ends anywhere.
  size_t value_bytes;
  size_t acknowledged_at_least;
};

constexpr Scene kScenes[] = {
    {"large_values", "size=64m", 20 << 20, 1, false, 100'000, 50},
    {"values_in_blob_files", "size=64m", 19 << 20, 1, false, 3'000, 2'000},
    {"values_in_tables", "size=64m", 21 << 20, 1, false, 900, 5'000},
    {"no_inodes", "size=64m,nr_inodes=1000", 10, 400, true, 20'000, 20},
};

void PrintTo(const Scene& scene, std::ostream* out) { *out << scene.name; }

class Filling {
 public:
  Filling(std::string dir, const Scene& scene)
      : dir_(std::move(dir)), scene_(scene) {}

  // "" if all is well, else what is wrong.
  std::string Run() {
    for (const char* time : {"first", "second"}) {
      const std::string ballast = BallastOf(time);
      std::filesystem::create_directory(ballast);
      for (size_t i = 0; i < scene_.ballast_files; ++i) {
        if (!WriteBallast(absl::StrCat(ballast, "/", i),
                          scene_.ballast_bytes)) {
          return "no space for the ballast";
        }
      }
    }
    if (std::string wrong = Open(); !wrong.empty()) return wrong;
    // Twice, since a RocksDB that went on once is another.
    for (const char* time : {"first", "second"}) {
      std::string wrong = Fill();
      if (wrong.empty()) {
        std::filesystem::remove_all(BallastOf(time));
        wrong = GoOn();
      }
      if (!wrong.empty()) return absl::StrCat(time, ": ", wrong);
    }
    if (std::string wrong = Open(); !wrong.empty()) return "reopened: " + wrong;
    return Check();
  }

 private:
  std::string BallastOf(const std::string& time) const {
    return dir_ + "/ballast_" + time;
  }

  std::string Open() {
    store_.reset();
    RocksDbOptions options;
    options.write_buffer_bytes = 1 << 20;
    auto opened = RocksDbStore::Open(dir_ + "/store", options);
    if (!opened.ok()) return opened.status().ToString();
    store_ = *std::move(opened);
    return "";
  }

  std::string Fill() {
    while (scene_.is_out_of_inodes &&
           WriteBallast(absl::StrCat(dir_, "/inode", next_), 0)) {
      ++next_;
    }
    absl::Status refused;
    for (int i = 0; refused.ok() && i < 1'000'000; ++i) {
      const std::string key = absl::StrCat("key", next_++);
      std::string value(scene_.value_bytes + static_cast<size_t>(i % 7), '\0');
      for (char& byte : value) byte = static_cast<char>(random_());
      refused = store_->Apply({{key, value}});
      if (refused.ok()) acknowledged_[key] = std::move(value);
    }
    if (ReasonOf(refused) != "DISK_FULL") {
      return "not refused with DISK_FULL: " + refused.ToString();
    }
    if (acknowledged_.size() < scene_.acknowledged_at_least) {
      return absl::StrCat("full after ", acknowledged_.size());
    }
    if (std::string wrong = Check(); !wrong.empty()) return "full: " + wrong;
    // A compaction that ended since, or gave up, has made space for some more.
    absl::Status still;
    for (int i = 0; still.ok() && i < 20; ++i) {
      const std::string key = absl::StrCat("key", next_++);
      const std::string value(5'000'000, 'm');
      still = store_->Apply({{key, value}});
      if (still.ok()) acknowledged_[key] = value;
    }
    return ReasonOf(still) == "DISK_FULL"
               ? ""
               : "a full disk took 100 MB: " + still.ToString();
  }

  // Without being opened by its user.
  std::string GoOn() {
    const absl::Status again = store_->Apply({{"more", "m"}});
    if (!again.ok()) return "with space again: " + again.ToString();
    acknowledged_["more"] = "m";
    return Check();
  }

  std::string Check() const {
    for (const auto& [key, value] : acknowledged_) {
      const auto stored = store_->Get(key);
      if (!stored.ok()) return stored.status().ToString();
      if (*stored != value) return "a wrong " + key;
    }
    return "";
  }

  const std::string dir_;
  const Scene& scene_;
  std::unique_ptr<RocksDbStore> store_;
  std::map<std::string, std::string> acknowledged_;
  std::mt19937 random_{7};  // noise, which no table makes smaller
  int next_ = 0;
};

std::string OnADiskOfItsOwn(const std::string& dir, const Scene& scene) {
  const auto disk = SmallDisk::Mount(dir, scene.mount_options);
  if (!disk.ok()) return absl::StrCat(kSkip, disk.status().message());
  return Filling(dir, scene).Run();
}

class FullTmpfsTest : public testing::TestWithParam<Scene> {};

TEST_P(FullTmpfsTest, AFullDiskRefusesAndTheStoreGoesOnWhenThereIsSpace) {
  const TempDir dir;
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const std::string result = OnADiskOfItsOwn(dir.path(), GetParam());
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

INSTANTIATE_TEST_SUITE_P(Scenes, FullTmpfsTest, testing::ValuesIn(kScenes),
                         [](const testing::TestParamInfo<Scene>& scene) {
                           return std::string(scene.param.name);
                         });

}  // namespace
}  // namespace nevus
