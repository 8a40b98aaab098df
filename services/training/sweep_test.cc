#include "services/training/sweep.h"

#include <string>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Titles(const v1::TrainRequest& request) {
  const auto combinations = CombinationsOf(request);
  EXPECT_THAT(combinations, IsOk());
  std::vector<std::string> titles;
  if (!combinations.ok()) return titles;
  for (const Combination& one : *combinations) titles.push_back(one.Title());
  return titles;
}

TEST(SweepTest, ARequestWithoutASweepIsOneCombination) {
  v1::TrainRequest request;
  EXPECT_THAT(Titles(request), ElementsAre("hidden=256 seed=0"));
  request.set_hidden(0);
  request.set_seed(7);
  EXPECT_THAT(Titles(request), ElementsAre("hidden=0 seed=7"));
}

TEST(SweepTest, EachValueMeetsEachOther) {
  v1::TrainRequest request;
  v1::Sweep& sweep = *request.mutable_sweep();
  EXPECT_THAT(Titles(request), ElementsAre("hidden=256 seed=0"));
  sweep.add_hidden(64);
  sweep.add_hidden(0);
  EXPECT_THAT(Titles(request),
              ElementsAre("hidden=64 seed=0", "hidden=0 seed=0"));
  sweep.add_seed(3);
  sweep.add_seed(1);
  EXPECT_THAT(Titles(request),
              ElementsAre("hidden=64 seed=3", "hidden=64 seed=1",
                          "hidden=0 seed=3", "hidden=0 seed=1"));
  sweep.clear_hidden();
  EXPECT_THAT(Titles(request),
              ElementsAre("hidden=256 seed=3", "hidden=256 seed=1"));
}

TEST(SweepTest, WhatCannotBeMeantIsRefused) {
  const auto expect = [](const v1::TrainRequest& request,
                         const std::string& reason, const std::string& part) {
    SCOPED_TRACE(part);
    const absl::Status status = CombinationsOf(request).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, part));
    EXPECT_EQ(ReasonOf(status), reason);
  };
  v1::TrainRequest request;
  request.set_hidden(-1);
  expect(request, "HIDDEN_INVALID", "-1 hidden units");
  request.set_hidden(4097);
  expect(request, "HIDDEN_INVALID", "4097 hidden units");
  request.mutable_sweep();
  request.set_hidden(64);
  expect(request, "SWEEP_INVALID", "beside it");
  request.clear_hidden();
  request.set_seed(1);
  expect(request, "SWEEP_INVALID", "beside it");
  request.clear_seed();

  v1::Sweep& sweep = *request.mutable_sweep();
  for (const int hidden : {64, 0, 64}) sweep.add_hidden(hidden);
  expect(request, "SWEEP_INVALID", "hidden=64 twice");
  sweep.mutable_hidden()->Truncate(2);
  sweep.add_hidden(4097);
  expect(request, "HIDDEN_INVALID", "4097 hidden units");
  sweep.mutable_hidden()->Truncate(2);
  sweep.add_seed(5);
  sweep.add_seed(5);
  expect(request, "SWEEP_INVALID", "seed=5 twice");

  sweep.clear_seed();
  for (int seed = 0; seed < 500; ++seed) sweep.add_seed(seed);
  EXPECT_EQ(Titles(request).size(), 1000u);
  sweep.add_seed(500);
  expect(request, "SWEEP_INVALID", "1002 combinations; the most is 1000");
}

TEST(SweepTest, AHeadHasToTravelInOneMessage) {
  EXPECT_THAT(CheckHeadSize(3840, 4096, /*is_candidate=*/false), IsOk());
  EXPECT_EQ(ReasonOf(CheckHeadSize(3841, 4096, false)), "HIDDEN_INVALID");
  EXPECT_THAT(CheckHeadSize(2816, 4096, /*is_candidate=*/true), IsOk());
  EXPECT_EQ(ReasonOf(CheckHeadSize(2817, 4096, true)), "HIDDEN_INVALID");
}

}  // namespace
}  // namespace nevus
