#include "compute/feature/feature_space.h"

#include <set>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/backbone/cpu.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

BackboneInfo Info(const std::string& arch) {
  BackboneInfo info;
  info.arch = arch;
  info.input_size = 64;
  info.normalization = Normalization::kCaffe;
  info.digest = Sha256Hex("weights");
  if (arch == "vgg16") {
    info.cuts = {{"block1_conv1", 64, 64, 64},
                 {"block1_conv2", 64, 64, 64},
                 {"block1_pool", 64, 32, 32}};
    info.default_cut = "block1_pool";
    info.missing_tensor = "features.5.weight";
  } else {
    info.cuts = {{"output", 512, 2, 2}};
    info.default_cut = "output";
  }
  return info;
}

TEST(FeatureSpaceTest, DefaultsAreFilledIn) {
  const auto spec = ResolveFeatureSpace(Info("vgg16"), "", "", "");
  ASSERT_THAT(spec, IsOk());
  EXPECT_EQ(spec->backbone_digest, Sha256Hex("weights"));
  EXPECT_EQ(spec->cut, "block1_pool");
  EXPECT_EQ(spec->pooling, Pooling::kAverage);
  EXPECT_EQ(spec->arithmetic,
            HasAvx2() ? Arithmetic::kFp32Winograd : Arithmetic::kFp32);
  EXPECT_EQ(spec->input_size, 64);
  EXPECT_EQ(spec->normalization, Normalization::kCaffe);
  EXPECT_EQ(ResolveFeatureSpace(Info("vgg16"), "", "", "auto")->arithmetic,
            spec->arithmetic);
  EXPECT_EQ(ResolveFeatureSpace(Info("torchscript"), "", "", "")->arithmetic,
            Arithmetic::kFp32);
}

TEST(FeatureSpaceTest, WhatTheUserNamesIsTaken) {
  const auto spec =
      ResolveFeatureSpace(Info("vgg16"), "block1_conv2", "flatten", "fp32");
  ASSERT_THAT(spec, IsOk());
  EXPECT_EQ(spec->cut, "block1_conv2");
  EXPECT_EQ(spec->pooling, Pooling::kFlatten);
  EXPECT_EQ(spec->arithmetic, Arithmetic::kFp32);
}

TEST(FeatureSpaceTest, SeveralCutsKeepTheirOrder) {
  const auto cut = [](const std::string& names) {
    const auto spec = ResolveFeatureSpace(Info("vgg16"), names, "", "fp32");
    return spec.ok() ? spec->cut : ReasonOf(spec.status());
  };
  EXPECT_EQ(cut("block1_pool,block1_conv1"), "block1_pool,block1_conv1");
  EXPECT_EQ(cut("block1_conv1,block1_pool"), "block1_conv1,block1_pool");
  EXPECT_EQ(cut("block1_pool,block1_pool"), "CUT_REPEATED");
  EXPECT_EQ(cut("block1_pool,"), "CUT_UNKNOWN");
  EXPECT_EQ(cut("block1_pool, block1_conv1"), "CUT_UNKNOWN");
  EXPECT_EQ(cut("block1_pool,block2_pool"), "CUT_UNREACHED");
}

TEST(FeatureSpaceTest, UnknownNamesAreRefusedWithWhatIsThere) {
  const auto reason = [](const char* arch, const char* cut, const char* pool,
                         const char* precision) {
    return ReasonOf(
        ResolveFeatureSpace(Info(arch), cut, pool, precision).status());
  };
  EXPECT_EQ(reason("vgg16", "conv9", "", ""), "CUT_UNKNOWN");
  EXPECT_EQ(reason("vgg16", "block2_pool", "", ""), "CUT_UNREACHED");
  EXPECT_EQ(reason("torchscript", "block2_pool", "", ""), "CUT_UNKNOWN");
  EXPECT_EQ(reason("vgg16", "", "median", ""), "POOLING_UNKNOWN");
  EXPECT_EQ(reason("vgg16", "", "", "fp16"), "ARITHMETIC_UNKNOWN");
  EXPECT_THAT(ResolveFeatureSpace(Info("vgg16"), "", "median", ""),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "it is avg, max or flatten"));
}

TEST(FeatureSpaceTest, OnAProcessorTorchScriptRunsInFp32Only) {
  for (const char* precision : {"fp32_winograd", "bf16"}) {
    SCOPED_TRACE(precision);
    const auto spec =
        ResolveFeatureSpace(Info("torchscript"), "", "", precision);
    EXPECT_THAT(spec, StatusIs(absl::StatusCode::kFailedPrecondition,
                               "Use fp32 or auto"));
    EXPECT_EQ(ReasonOf(spec.status()), "ARITHMETIC_UNSUPPORTED");
  }
}

TEST(FeatureSpaceTest, EveryFieldChangesTheDigest) {
  const FeatureSpaceSpec spec =
      ResolveFeatureSpace(Info("vgg16"), "", "", "fp32").value();
  EXPECT_TRUE(IsSha256Hex(FeatureSpaceDigest(spec)));
  EXPECT_EQ(FeatureSpaceDigest(spec), FeatureSpaceDigest(spec));
  std::vector<FeatureSpaceSpec> others(9, spec);
  others[0].backbone_digest = Sha256Hex("other weights");
  others[1].cut = "block1_conv1";
  others[2].pooling = Pooling::kMax;
  others[3].arithmetic = Arithmetic::kFp32Winograd;
  others[4].input_size = 65;
  others[5].normalization = Normalization::kTf;
  others[6].views = 8;
  others[7].values = FeatureValues::kFp32;
  std::set<std::string> digests;  // the last of `others` is `spec` itself
  for (const FeatureSpaceSpec& other : others) {
    digests.insert(FeatureSpaceDigest(other));
  }
  EXPECT_EQ(digests.size(), 9u);
}

TEST(FeatureSpaceTest, DimensionFollowsThePooling) {
  const Cut cut{"block5_pool", 512, 7, 7};
  EXPECT_EQ(FeatureDimension(cut, Pooling::kAverage), 512);
  EXPECT_EQ(FeatureDimension(cut, Pooling::kMax), 512);
  EXPECT_EQ(FeatureDimension(cut, Pooling::kFlatten), 25088);
}

TEST(FeatureSpaceTest, ViewsAndValuesAreChecked) {
  EXPECT_EQ(*ParseViews(0), 1);
  EXPECT_EQ(*ParseViews(1), 1);
  EXPECT_EQ(*ParseViews(8), 8);
  EXPECT_EQ(ReasonOf(ParseViews(4).status()), "VIEWS_INVALID");
  EXPECT_EQ(*ParseFeatureValues(""), FeatureValues::kFp16);
  for (const char* name : {"fp16", "fp32"}) {
    EXPECT_STREQ(FeatureValuesName(ParseFeatureValues(name).value()), name);
  }
  EXPECT_EQ(ReasonOf(ParseFeatureValues("fp8").status()),
            "FEATURE_VALUES_UNKNOWN");
}

TEST(FeatureSpaceTest, PoolingNamesGoThereAndBack) {
  for (const char* name : {"avg", "max", "flatten"}) {
    EXPECT_STREQ(PoolingName(ParsePooling(name).value()), name);
  }
}

}  // namespace
}  // namespace nevus
