// The way of images through a GPU's batches, computed on the processor; and
// what is said where there is no GPU.
#include <torch/csrc/jit/api/module.h>

#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/backbone/arithmetic.h"
#include "compute/backbone/backbone.h"
#include "compute/backbone/testing/random_vgg16.h"
#include "compute/backbone/testing/weight_files.h"
#include "compute/feature/feature_extractor.h"
#include "compute/feature/feature_space.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

// A TorchScript file that gives half of what it gets.
std::string HalvingScript() {
  torch::jit::Module module("made");
  module.define("def forward(self, x):\n    return x * 0.5\n");
  std::ostringstream file;
  module.save(file);
  return file.str();
}

TEST(GpuFeaturesTest, AGpusBatchesGiveTheFeaturesOfTheProcessor) {
  const auto backbone = RandomVgg16(32);
  FeatureExtractorOptions options;
  options.device = "cpu";
  const std::string image =
      ReadFileOrFail("compute/feature/testdata/image.png");
  // More than one batch, and one image among them that does not decode.
  std::vector<std::string_view> images(kGpuBatch + 2, image);
  images[1] = "no image";
  for (const int views : {1, 8}) {
    auto spec = ResolveFeatureSpace(backbone->info(), "block1_pool", "", "fp32")
                    .value();
    spec.views = views;
    spec.values = FeatureValues::kFp32;
    const auto expected = FeatureExtractor::Create(*backbone, spec, {})
                              .value()
                              ->Extract({image})[0];
    ASSERT_THAT(expected, IsOk());
    spec.arithmetic = Arithmetic::kCudaFp32;
    const auto extractor = FeatureExtractor::Create(*backbone, spec, options);
    ASSERT_THAT(extractor, IsOk());
    size_t told = 0;
    const auto features =
        (*extractor)->Extract(images, nullptr, [&](size_t, const auto&) {
          ++told;
        });
    EXPECT_EQ(told, images.size());
    for (size_t i = 0; i < images.size(); ++i) {
      if (i == 1) {
        EXPECT_THAT(features[i],
                    StatusIs(absl::StatusCode::kInvalidArgument, ""));
        continue;
      }
      ASSERT_THAT(features[i], IsOk());
      EXPECT_EQ(*features[i], *features[0]) << i;
    }
    EXPECT_LT(RelativeError(*features[0], {expected->begin(), expected->end()}),
              1e-5);
  }
}

TEST(GpuFeaturesTest, WithoutAGpuItsArithmeticIsRefused) {
  const auto table = RandomVgg16(32);
  BackboneSource source;
  source.arch = "torchscript";
  source.weights = HalvingScript();
  source.input_size = 32;
  const auto script = Backbone::Load(source).value();
  for (const Backbone* backbone : {table.get(), script.get()}) {
    SCOPED_TRACE(backbone->info().arch);
    for (const char* precision : {"cuda_fp32", "cuda_bf16"}) {
      const auto spec =
          ResolveFeatureSpace(backbone->info(), "", "", precision);
      ASSERT_THAT(spec, IsOk());  // a worker may have one
      const auto refused =
          FeatureExtractor::Create(*backbone, *spec, {}).status();
      EXPECT_EQ(ReasonOf(refused), "ARITHMETIC_UNSUPPORTED");
      FeatureExtractorOptions options;
      options.device = "cuda:999";
      EXPECT_EQ(
          ReasonOf(
              FeatureExtractor::Create(*backbone, *spec, options).status()),
          "DEVICE_UNAVAILABLE");
    }
  }
}

}  // namespace
}  // namespace nevus
