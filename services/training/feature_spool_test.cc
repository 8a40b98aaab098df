#include "services/training/feature_spool.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/packed_floats.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using ::testing::ElementsAre;

std::string Pack(const std::vector<float>& values) {
  return PackFloats(values.data(), values.size());
}

class FeatureSpoolTest : public ::testing::Test {
 protected:
  FeatureSpoolTest() { setenv("TMPDIR", dir_.path().c_str(), 1); }
  ~FeatureSpoolTest() override { unsetenv("TMPDIR"); }

  TempDir dir_;
};

TEST_F(FeatureSpoolTest, GivesRowsInAnyOrderBitForBit) {
  const auto spool = FeatureSpool::Create(2).value();
  ASSERT_THAT(spool->Add(Pack({1, 2})), IsOk());     // halves
  ASSERT_THAT(spool->Add(Pack({0.1f, 7})), IsOk());  // floats
  ASSERT_THAT(spool->Add(Pack({-0.5f, 65504})), IsOk());
  // Rows 0 and 3 are of one image.
  ASSERT_THAT(spool->Finish({2, 0, 1, 2}), IsOk());
  const int64_t rows[] = {3, 2, 1, 0};
  spool->Expect(rows, 4);
  std::vector<float> read(8);
  ASSERT_THAT(spool->Read(rows, 4, read.data()), IsOk());
  EXPECT_THAT(read, ElementsAre(-0.5f, 65504, 0.1f, 7, 1, 2, -0.5f, 65504));
  EXPECT_EQ(spool->bytes(), 5 + 9 + 5);
}

TEST_F(FeatureSpoolTest, MoreThanABufferAndNoFileWithAName) {
  constexpr int kDimension = 1000, kRows = 5000;  // 10 MB
  const auto spool = FeatureSpool::Create(kDimension).value();
  std::vector<int64_t> order;
  for (int row = 0; row < kRows; ++row) {
    ASSERT_THAT(spool->Add(Pack(std::vector<float>(kDimension, row % 2048))),
                IsOk());
    order.push_back(row);
  }
  ASSERT_THAT(spool->Finish(order), IsOk());
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
  std::vector<float> read(kDimension);
  for (const int64_t row : {int64_t{kRows - 1}, int64_t{0}, int64_t{2100}}) {
    ASSERT_THAT(spool->Read(&row, 1, read.data()), IsOk());
    EXPECT_EQ(read, std::vector<float>(kDimension, row % 2048));
  }
}

TEST_F(FeatureSpoolTest, AFeatureThatIsLargerThanABuffer) {
  constexpr int kDimension = 3'000'000;  // 6 MB
  const auto spool = FeatureSpool::Create(kDimension).value();
  std::vector<float> values(kDimension);
  for (int i = 0; i < kDimension; ++i) values[i] = i % 2048;
  ASSERT_THAT(spool->Add(Pack(std::vector<float>(kDimension, 1))), IsOk());
  ASSERT_THAT(spool->Add(Pack(values)), IsOk());
  ASSERT_THAT(spool->Finish({0, 1}), IsOk());
  std::vector<float> read(kDimension);
  const int64_t row = 1;
  ASSERT_THAT(spool->Read(&row, 1, read.data()), IsOk());
  EXPECT_EQ(read, values);
}

// The file has no name, but the process has it open.
TEST_F(FeatureSpoolTest, AChangedByteIsDataLossNamingTheRow) {
  const auto spool = FeatureSpool::Create(2).value();
  ASSERT_THAT(spool->Add(Pack({1, 2})), IsOk());
  ASSERT_THAT(spool->Add(Pack({3, 4})), IsOk());
  ASSERT_THAT(spool->Finish({0, 1}), IsOk());
  int damaged = 0;
  for (const auto& open :
       std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const std::string target =
        std::filesystem::read_symlink(open.path(), error).string();
    if (target.rfind(dir_.path(), 0) != 0) continue;
    const int file = std::stoi(open.path().filename().string());
    damaged += pwrite(file, "\x7F", 1, 6) == 1 ? 1 : 0;
  }
  ASSERT_EQ(damaged, 1);
  std::vector<float> read(2);
  int64_t row = 0;
  EXPECT_THAT(spool->Read(&row, 1, read.data()), IsOk());
  row = 1;
  const absl::Status status = spool->Read(&row, 1, read.data());
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, "row 1"));
  EXPECT_EQ(ReasonOf(status), "SPOOL_DAMAGED");
}

TEST_F(FeatureSpoolTest, ADirectoryThatIsNoneIsNamed) {
  setenv("TMPDIR", "/nowhere/at/all", 1);
  const absl::Status status = FeatureSpool::Create(2).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               "/nowhere/at/all"));
  EXPECT_EQ(ReasonOf(status), "SPOOL_UNUSABLE");
}

// A limit on the size of files stands for a disk that is full.
TEST_F(FeatureSpoolTest, WhatTheDiskDoesNotTakeIsSaid) {
  const auto spool = FeatureSpool::Create(2).value();
  rlimit before, none = {0, 0};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  none.rlim_max = before.rlim_max;
  std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &none), 0);
  ASSERT_THAT(spool->Add(Pack({1, 2})), IsOk());
  const absl::Status status = spool->Finish({0});
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal, "File too large"));
}

}  // namespace
}  // namespace nevus
