#include "storage/engine/testing/faulty_file_system.h"

#include <rocksdb/file_system.h>

#include <memory>
#include <string>

#include "gtest/gtest.h"

namespace nevus {
namespace {

using rocksdb::FSWritableFile;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

class FaultyFileSystemTest : public testing::Test {
 protected:
  FaultyFileSystemTest() : files_(disk_.file_system()) {}

  std::unique_ptr<FSWritableFile> Create(const std::string& path) {
    std::unique_ptr<FSWritableFile> file;
    EXPECT_TRUE(
        files_->NewWritableFile(path, rocksdb::FileOptions(), &file, nullptr)
            .ok());
    return file;
  }
  IOStatus Append(FSWritableFile& file, const std::string& text) {
    return file.Append(text, IOOptions(), nullptr);
  }
  void SyncDirectory(const std::string& path) {
    std::unique_ptr<rocksdb::FSDirectory> directory;
    ASSERT_TRUE(
        files_->NewDirectory(path, IOOptions(), &directory, nullptr).ok());
    ASSERT_TRUE(directory->Fsync(IOOptions(), nullptr).ok());
  }
  // A file whose name and bytes would survive.
  std::unique_ptr<FSWritableFile> CreateSynced(const std::string& path,
                                               const std::string& text) {
    std::unique_ptr<FSWritableFile> file = Create(path);
    EXPECT_TRUE(Append(*file, text).ok());
    EXPECT_TRUE(file->Sync(IOOptions(), nullptr).ok());
    SyncDirectory("/");
    return file;
  }
  std::string Read(const std::string& path) {
    std::unique_ptr<rocksdb::FSSequentialFile> file;
    const IOStatus opened =
        files_->NewSequentialFile(path, rocksdb::FileOptions(), &file, nullptr);
    if (opened.IsPathNotFound()) return "not there";
    char scratch[100];
    rocksdb::Slice text;
    if (!opened.ok() ||
        !file->Read(sizeof(scratch), IOOptions(), &text, scratch, nullptr)
             .ok()) {
      return "unreadable";
    }
    return text.ToString();
  }
  void Rename(const std::string& from, const std::string& to) {
    ASSERT_TRUE(files_->RenameFile(from, to, IOOptions(), nullptr).ok());
  }

  FaultyFileSystem disk_;
  std::shared_ptr<rocksdb::FileSystem> files_;
};

TEST_F(FaultyFileSystemTest, BytesThatWereNotSyncedAreForgotten) {
  const auto file = CreateSynced("/a", "one");
  ASSERT_TRUE(Append(*file, "two").ok());
  EXPECT_EQ(Read("/a"), "onetwo");
  disk_.LosePower(0);
  EXPECT_EQ(Read("/a"), "one");
  EXPECT_FALSE(Append(*file, "three").ok()) << "a file of the life before";
}

TEST_F(FaultyFileSystemTest, AFileWhoseDirectoryWasNotSyncedIsForgotten) {
  const auto file = Create("/a");
  ASSERT_TRUE(Append(*file, "one").ok());
  ASSERT_TRUE(file->Sync(IOOptions(), nullptr).ok());
  disk_.LosePower(0);
  EXPECT_EQ(Read("/a"), "not there");
}

TEST_F(FaultyFileSystemTest, ADirectoryIsAnEntryOfItsParent) {
  ASSERT_TRUE(files_->CreateDir("/d", IOOptions(), nullptr).ok());
  const auto file = Create("/d/a");
  SyncDirectory("/d");
  disk_.LosePower(0);
  EXPECT_EQ(Read("/d/a"), "not there");
}

TEST_F(FaultyFileSystemTest, RenamesAndRemovalsAreUndone) {
  CreateSynced("/a", "a");
  CreateSynced("/b", "b");
  CreateSynced("/c", "c");
  Rename("/a", "/b");
  ASSERT_TRUE(files_->DeleteFile("/c", IOOptions(), nullptr).ok());
  EXPECT_EQ(Read("/b"), "a");
  EXPECT_EQ(Read("/c"), "not there");
  disk_.LosePower(0);
  EXPECT_EQ(Read("/a"), "a");
  EXPECT_EQ(Read("/b"), "b");
  EXPECT_EQ(Read("/c"), "c");
  Rename("/a", "/b");
  SyncDirectory("/");
  disk_.LosePower(0);
  EXPECT_EQ(Read("/a"), "not there");
  EXPECT_EQ(Read("/b"), "a");
}

TEST_F(FaultyFileSystemTest, ARenameSurvivesWholeOrNotAtAll) {
  bool renamed = false, as_before = false;
  for (uint64_t seed = 1; seed <= 32; ++seed) {
    CreateSynced("/new", "new");
    CreateSynced("/current", "old");
    Rename("/new", "/current");
    disk_.LosePower(seed);
    const bool gone = Read("/new") == "not there";
    EXPECT_EQ(Read("/current"), gone ? "new" : "old") << seed;
    (gone ? renamed : as_before) = true;
  }
  EXPECT_TRUE(renamed && as_before);
}

TEST_F(FaultyFileSystemTest, ABeginningOfWhatWasNotSyncedMaySurvive) {
  bool torn = false;
  for (uint64_t seed = 1; seed <= 32; ++seed) {
    const auto file = CreateSynced("/a", "one");
    ASSERT_TRUE(Append(*file, "two").ok());
    disk_.LosePower(seed);
    const std::string text = Read("/a");
    EXPECT_EQ(text, std::string("onetwo").substr(0, text.size())) << seed;
    EXPECT_GE(text.size(), 3u) << seed;
    torn |= text.size() > 3 && text.size() < 6;
  }
  EXPECT_TRUE(torn);
}

TEST_F(FaultyFileSystemTest, AfterTheCutNothingWorksUntilThePowerIsBack) {
  const auto file = CreateSynced("/a", "one");
  const int64_t before = disk_.operations();
  disk_.CutAfter(1);
  EXPECT_TRUE(Append(*file, "2").ok());
  EXPECT_FALSE(disk_.is_cut());
  EXPECT_FALSE(file->Sync(IOOptions(), nullptr).ok());
  EXPECT_TRUE(disk_.is_cut());
  EXPECT_EQ(Read("/a"), "unreadable");
  EXPECT_EQ(disk_.operations(), before + 1);
  disk_.LosePower(0);
  EXPECT_EQ(Read("/a"), "one");
}

TEST_F(FaultyFileSystemTest, AFullDiskCutsTheLastWriteShort) {
  const auto file = Create("/a");
  disk_.LimitSpace(4);
  EXPECT_TRUE(Append(*file, "one").ok());
  EXPECT_TRUE(Append(*file, "two").IsNoSpace());
  EXPECT_EQ(Read("/a"), "onet");
  std::unique_ptr<FSWritableFile> other;
  EXPECT_TRUE(
      files_->NewWritableFile("/b", rocksdb::FileOptions(), &other, nullptr)
          .IsNoSpace());
  EXPECT_TRUE(files_->DeleteFile("/a", IOOptions(), nullptr).ok());
  disk_.LiftLimit();
  EXPECT_TRUE(Append(*file, "three").ok());
}

TEST_F(FaultyFileSystemTest, TheNthWriteAndSyncFailOnce) {
  const auto file = Create("/a");
  disk_.FailWrite(2);
  disk_.FailSync(1);
  EXPECT_TRUE(Append(*file, "1").ok());
  EXPECT_TRUE(Append(*file, "2").IsIOError());
  EXPECT_TRUE(Append(*file, "3").ok());
  EXPECT_TRUE(file->Sync(IOOptions(), nullptr).IsIOError());
  EXPECT_TRUE(file->Sync(IOOptions(), nullptr).ok());
}

}  // namespace
}  // namespace nevus
