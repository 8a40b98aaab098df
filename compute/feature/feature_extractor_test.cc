#include "compute/feature/feature_extractor.h"

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/backbone/arithmetic.h"
#include "compute/backbone/testing/random_vgg16.h"
#include "compute/backbone/testing/weight_files.h"
#include "compute/feature/eager_reference.h"
#include "compute/feature/feature_space.h"
#include "compute/feature/feature_values.h"
#include "compute/feature/pooling.h"
#include "compute/feature/views.h"
#include "compute/image/decode.h"
#include "compute/image/pixels.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

constexpr char kFolder[] = "compute/feature/testdata/";

std::unique_ptr<FeatureExtractor> Extractor(
    const Backbone& backbone, const std::string& precision,
    const FeatureExtractorOptions& options = {},
    const std::string& pool = "avg") {
  const auto spec = ResolveFeatureSpace(backbone.info(), "", pool, precision);
  EXPECT_THAT(spec, IsOk());
  return FeatureExtractor::Create(backbone, *spec, options).value();
}

// A real photograph, or "" without them. `which`: 0, 1, ...
std::string Photograph(int which) {
  const char* const folder = std::getenv("NEVUS_TEST_DATA");
  constexpr const char* kNames[] = {"plain.jpg", "full_444.jpg", "plain.png",
                                    "grey.jpg", "progressive.jpg"};
  if (folder == nullptr) return "";
  std::ifstream file(std::string(folder) + "/images/" + kNames[which],
                     std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> Arithmetics(const Backbone& backbone) {
  std::vector<std::string> names;
  for (const char* name : {"fp32", "fp32_winograd", "bf16"}) {
    if (ResolveFeatureSpace(backbone.info(), "", "", name).ok()) {
      names.push_back(name);
    }
  }
  return names;
}

// testdata/make_goldens.py: Pillow, numpy and torch, in double precision.
struct Golden {
  const char *weights, *arch, *precision, *pool, *features;
  Normalization normalization;
  double tolerance;  // fp32: the bound; Winograd: vgg16_test.cc
};

TEST(FeatureExtractorTest, GivesTheFeaturesThatPythonGives) {
  const std::vector<Golden> goldens = {
      {"vgg16_blocks_1_3.safetensors", "vgg16", "fp32", "avg",
       "blocks_1_3_torchvision_block3_pool_avg.txt",
       Normalization::kTorchvision, 1e-5},
      {"vgg16_blocks_1_3.safetensors", "vgg16", "auto", "avg",
       "blocks_1_3_torchvision_block3_pool_avg.txt",
       Normalization::kTorchvision, 5.4e-5},
      {"vgg16_blocks_1_2.safetensors", "vgg16", "fp32", "max",
       "blocks_1_2_caffe_block2_pool_max.txt", Normalization::kCaffe, 1e-5},
      {"vgg16_blocks_1_2.safetensors", "vgg16", "auto", "max",
       "blocks_1_2_caffe_block2_pool_max.txt", Normalization::kCaffe, 5.4e-5},
      {"squeezenet1_1.pt", "torchscript", "auto", "avg",
       "squeezenet1_1_torchvision_output_avg.txt", Normalization::kTorchvision,
       1e-5},
      {"squeezenet1_1.pt", "torchscript", "cuda_fp32", "avg",
       "squeezenet1_1_torchvision_output_avg.txt", Normalization::kTorchvision,
       1e-5},
  };
  FeatureExtractorOptions options;
  options.device = "cpu";  // what a GPU computes, computed there
  const std::string image = ReadFileOrFail(std::string(kFolder) + "image.png");
  for (const Golden& golden : goldens) {
    SCOPED_TRACE(std::string(golden.features) + " " + golden.precision);
    BackboneSource source;
    source.arch = golden.arch;
    source.weights = RealWeights(golden.weights);
    source.input_size = 32;
    source.normalization = golden.normalization;
    if (source.weights.empty()) GTEST_SKIP() << "skipped: no ../shared/data";
    const auto backbone = Backbone::Load(source);
    ASSERT_THAT(backbone, IsOk());
    auto spec = ResolveFeatureSpace((*backbone)->info(), "", golden.pool,
                                    golden.precision);
    ASSERT_THAT(spec, IsOk());
    // The network is measured here, not the rounding.
    spec->values = FeatureValues::kFp32;
    const auto feature = FeatureExtractor::Create(**backbone, *spec, options)
                             .value()
                             ->Extract({image})[0];
    ASSERT_THAT(feature, IsOk());
    std::istringstream lines(
        ReadFileOrFail(std::string(kFolder) + golden.features));
    const std::vector<double> expected(std::istream_iterator<double>(lines),
                                       {});
    EXPECT_LT(RelativeError(*feature, expected), golden.tolerance);
  }
}

TEST(FeatureExtractorTest, AgreesWithEagerLibTorchAtFullSize) {
  const auto backbone = RandomVgg16(224);
  const std::vector<float> planes = TestPlanes(2, 224);
  std::vector<std::vector<float>> activations;
  ASSERT_THAT(NewEagerReference(*backbone, "", 1)
                  .value()
                  ->Forward(planes.data(), 2, &activations),
              IsOk());
  const std::vector<float>& eager = activations[0];
  for (const std::string& precision : Arithmetics(*backbone)) {
    SCOPED_TRACE(precision);
    const auto extractor = Extractor(*backbone, precision, {}, "flatten");
    ASSERT_EQ(extractor->dimension(), 512 * 7 * 7);
    std::vector<float> features(2 * extractor->dimension());
    ASSERT_THAT(extractor->Forward(planes.data(), 2, features.data()), IsOk());
    // Thirteen layers, by the derivation in vgg16_test.cc.
    EXPECT_LT(RelativeError(features,
                            std::vector<double>(eager.begin(), eager.end())),
              precision == "bf16" ? 3.6e-2 : 1e-4);
  }
}

TEST(FeatureExtractorTest, TheSameImageGivesTheSameBitsInAnyBatch) {
  std::vector<std::string> images;
  for (int i = 0; i < 5; ++i) images.push_back(Photograph(i));
  if (images[0].empty()) GTEST_SKIP() << "skipped: no ../shared/data";
  const std::vector<std::string_view> views(images.begin(), images.end());
  BackboneSource squeezenet;
  squeezenet.arch = "torchscript";
  squeezenet.weights = RealWeights("squeezenet1_1.pt");
  const auto script = Backbone::Load(squeezenet);
  ASSERT_THAT(script, IsOk());
  EXPECT_EQ(FindCut((*script)->info(), "")->channels, 512);
  const auto vgg16 = RandomVgg16(224);
  for (const Backbone* backbone : {vgg16.get(), script->get()}) {
    for (const std::string& precision : Arithmetics(*backbone)) {
      SCOPED_TRACE(backbone->info().arch + " " + precision);
      FeatureExtractorOptions lone;
      lone.max_batch = 1;
      const auto one = Extractor(*backbone, precision, lone);
      FeatureExtractorOptions wide;
      wide.max_batch = 4;
      wide.threads = 2;
      const auto together =
          Extractor(*backbone, precision, wide)->Extract(views);
      ASSERT_EQ(together.size(), 5u);  // a whole batch of 4 and one of 1
      for (size_t i = 0; i < views.size(); ++i) {
        SCOPED_TRACE(i);
        ASSERT_THAT(together[i], IsOk());
        EXPECT_EQ(*one->Extract({views[i]})[0], *together[i]);
      }
      EXPECT_NE(*together[0], *together[3]);
    }
  }
}

// `png` with EXIF's orientation in an eXIf chunk (PNG specification, third
// edition, 5.3 and 11.3.4.4; its check is CRC-32) right after the header.
std::string Oriented(const std::string& png, char orientation) {
  const std::string chunk =
      std::string("eXIfMM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0",
                  23) +
      orientation + std::string("\0\0\0\0\0\0", 6);
  uint32_t crc = 0xFFFFFFFF;
  for (unsigned char byte : chunk) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ (crc & 1 ? 0xEDB88320 : 0);
    }
  }
  crc = ~crc;
  std::string check;
  for (int shift : {24, 16, 8, 0}) check += static_cast<char>(crc >> shift);
  constexpr size_t kAfterHeader = 8 + 25;
  return png.substr(0, kAfterHeader) + std::string("\0\0\0", 3) +
         static_cast<char>(chunk.size() - 4) + chunk + check +
         png.substr(kAfterHeader);
}

// The image is as large as the input, so that nothing is resized.
TEST(FeatureExtractorTest, EightViewsGiveOneFeatureHoweverTheImageIsTurned) {
  const auto backbone = RandomVgg16(32);
  auto spec = ResolveFeatureSpace(backbone->info(), "", "avg", "fp32").value();
  const auto one = FeatureExtractor::Create(*backbone, spec, {}).value();
  spec.views = 8;
  const auto eight = FeatureExtractor::Create(*backbone, spec, {}).value();
  const std::string image = ReadFileOrFail(std::string(kFolder) + "image.png");
  const auto feature = eight->Extract({image})[0];
  ASSERT_THAT(feature, IsOk());
  for (char orientation = 2; orientation <= 8; ++orientation) {
    SCOPED_TRACE(int{orientation});
    const std::string turned = Oriented(image, orientation);
    const auto turned_feature = eight->Extract({turned})[0];
    ASSERT_THAT(turned_feature, IsOk());
    EXPECT_EQ(*turned_feature, *feature);
    EXPECT_NE(*one->Extract({turned})[0], *one->Extract({image})[0]);
  }
}

TEST(FeatureExtractorTest, AFeatureIsRoundedToWhatItsSpaceSays) {
  const auto backbone = RandomVgg16(32);
  auto spec = ResolveFeatureSpace(backbone->info(), "", "avg", "fp32").value();
  const auto halves = FeatureExtractor::Create(*backbone, spec, {}).value();
  spec.values = FeatureValues::kFp32;
  const auto floats = FeatureExtractor::Create(*backbone, spec, {}).value();
  const std::string image = ReadFileOrFail(std::string(kFolder) + "image.png");
  const std::vector<float> whole = *floats->Extract({image})[0];
  std::vector<float> rounded = whole;
  RoundFeature(FeatureValues::kFp16, rounded.data(), rounded.size());
  EXPECT_NE(whole, rounded);
  EXPECT_EQ(*halves->Extract({image})[0], rounded);
}

TEST(FeatureExtractorTest, ABadImageDoesNotDisturbTheOthers) {
  const std::string good = ReadFileOrFail(std::string(kFolder) + "image.png");
  const auto backbone = RandomVgg16(32);
  FeatureExtractorOptions options;
  options.threads = 2;
  const auto extractor = Extractor(*backbone, "fp32", options);
  const std::vector<float> alone = *extractor->Extract({good})[0];
  const auto features =
      extractor->Extract({"no image", good, "", good, good.substr(0, 40)});
  ASSERT_EQ(features.size(), 5u);
  for (int bad : {0, 2, 4}) {
    EXPECT_THAT(features[bad],
                StatusIs(absl::StatusCode::kInvalidArgument, ""));
  }
  EXPECT_EQ(*features[1], alone);
  EXPECT_EQ(*features[3], alone);
  EXPECT_TRUE(extractor->Extract({}).empty());
}

TEST(FeatureExtractorTest, AnObserverSeesPixelsAndActivationOfEachImage) {
  const std::string image = ReadFileOrFail(std::string(kFolder) + "image.png");
  const auto backbone = RandomVgg16(64);
  const auto extractor = Extractor(*backbone, "fp32");
  const std::vector<float> alone = *extractor->Extract({image})[0];
  std::vector<Pixels> pixels(3);
  std::vector<std::vector<float>> pooled(3);
  ExtractObserver observer;
  observer.pixels = [&](size_t i, const Pixels& seen) { pixels[i] = seen; };
  observer.activation = [&](size_t i, int view, const float* activation) {
    EXPECT_EQ(view, 0);
    pooled[i].resize(extractor->dimension());
    PoolAll(activation, extractor->cuts(), Pooling::kAverage, pooled[i].data());
    RoundFeature(extractor->spec().values, pooled[i].data(), pooled[i].size());
  };
  const auto features = extractor->Extract({image, "no image", image}, nullptr,
                                           nullptr, observer);
  for (const size_t i : {0, 2}) {
    EXPECT_EQ(*features[i], alone);
    EXPECT_EQ(pooled[i], alone);
    EXPECT_EQ(pixels[i].rgb, DecodeImage(image)->rgb);
  }
  EXPECT_TRUE(pooled[1].empty());
  EXPECT_TRUE(pixels[1].rgb.empty());
}

TEST(FeatureExtractorTest, AnObserverSeesTheActivationOfEachView) {
  const std::string image = ReadFileOrFail(std::string(kFolder) + "image.png");
  const auto backbone = RandomVgg16(64);
  auto spec = ResolveFeatureSpace(backbone->info(), "", "", "fp32").value();
  spec.views = 8;
  const auto extractor = FeatureExtractor::Create(*backbone, spec, {}).value();
  std::vector<float> pooled(size_t{8} * extractor->dimension());
  ExtractObserver observer;
  observer.activation = [&](size_t, int view, const float* activation) {
    PoolAll(activation, extractor->cuts(), Pooling::kAverage,
            &pooled[size_t{1} * view * extractor->dimension()]);
  };
  const auto features = extractor->Extract({image}, nullptr, nullptr, observer);
  std::vector<float> mean(extractor->dimension());
  MeanOfViews(pooled.data(), 8, extractor->dimension(), mean.data());
  RoundFeature(extractor->spec().values, mean.data(), mean.size());
  EXPECT_EQ(*features[0], mean);
}

TEST(FeatureExtractorTest, TellsOfEachImageOnceWithItsAnswer) {
  const std::string good = ReadFileOrFail(std::string(kFolder) + "image.png");
  const auto extractor = Extractor(*RandomVgg16(32), "fp32", {});
  // Of vgg16 one image is computed at a time, so in order and on one thread.
  std::vector<size_t> told;
  std::vector<absl::StatusOr<std::vector<float>>> answers;
  const auto features = extractor->Extract(
      {good, "no image", good, good, "", good}, nullptr,
      [&](size_t i, const absl::StatusOr<std::vector<float>>& feature) {
        told.push_back(i);
        answers.push_back(feature);
      });
  EXPECT_EQ(told, (std::vector<size_t>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(answers, features);
}

TEST(FeatureExtractorTest, StopsBetweenTwoImagesWhenItIsToldTo) {
  const std::string image = ReadFileOrFail(std::string(kFolder) + "image.png");
  const auto backbone = RandomVgg16(32);
  FeatureExtractorOptions options;
  options.max_batch = 2;
  const auto extractor = Extractor(*backbone, "fp32", options);
  const std::vector<float> alone = *extractor->Extract({image})[0];
  // A batch of two asks four times: decode, decode, network, network.
  for (int answers = 0; answers < 10; ++answers) {
    SCOPED_TRACE(answers);
    int asked = 0;
    const auto features = extractor->Extract(
        {image, image, image, image, image}, [&] { return ++asked > answers; });
    ASSERT_EQ(features.size(), 5u);
    // By hand from the order above: what was through its network before.
    const int done = answers < 3   ? 0
                     : answers < 4 ? 1
                     : answers < 7 ? 2
                     : answers < 8 ? 3
                                   : 4;
    for (int i = 0; i < 5; ++i) {
      SCOPED_TRACE(i);
      if (i < done) {
        ASSERT_THAT(features[i], IsOk());
        EXPECT_EQ(*features[i], alone);
      } else {
        EXPECT_THAT(features[i], StatusIs(absl::StatusCode::kCancelled, ""));
      }
    }
  }
  EXPECT_THAT(extractor->Extract({image}, [] { return false; })[0], IsOk());
}

TEST(FeatureExtractorTest, LimitsReachTheDecoder) {
  const std::string image = ReadFileOrFail(std::string(kFolder) + "image.png");
  const auto backbone = RandomVgg16(32);
  FeatureExtractorOptions options;
  options.limits.max_pixels = 1000;  // the image has 32 x 32
  EXPECT_EQ(
      ReasonOf(
          Extractor(*backbone, "fp32", options)->Extract({image})[0].status()),
      "IMAGE_TOO_LARGE");
}

TEST(FeatureExtractorTest, OutlivesItsBackbone) {
  const std::string image = ReadFileOrFail(std::string(kFolder) + "image.png");
  auto backbone = RandomVgg16(32);
  const auto extractor = Extractor(*backbone, "auto");
  const std::vector<float> before = *extractor->Extract({image})[0];
  backbone.reset();
  EXPECT_EQ(*extractor->Extract({image})[0], before);
  EXPECT_EQ(extractor->digest(), FeatureSpaceDigest(extractor->spec()));
}

TEST(FeatureExtractorTest, SeveralCutsArePooledAndJoinedInTheirOrder) {
  BackboneSource source;
  source.arch = "inception_v3";
  source.random_seed = 1;
  source.input_size = 107;
  const auto backbone = Backbone::Load(source).value();
  const std::vector<float> planes = TestPlanes(1, 107);
  for (const char* pool : {"avg", "max"}) {
    const auto features = [&](const std::string& cut) {
      const FeatureSpaceSpec spec =
          ResolveFeatureSpace(backbone->info(), cut, pool, "fp32").value();
      const auto extractor =
          FeatureExtractor::Create(*backbone, spec, {}).value();
      std::vector<float> feature(extractor->dimension());
      EXPECT_THAT(extractor->Forward(planes.data(), 1, feature.data()), IsOk());
      return feature;
    };
    std::vector<float> joined = features("mixed10");
    const std::vector<float> early = features("mixed0");
    ASSERT_EQ(joined.size(), 2048u);
    joined.insert(joined.end(), early.begin(), early.end());
    EXPECT_EQ(features("mixed10,mixed0"), joined) << pool;
  }
}

TEST(FeatureExtractorTest, AFeatureSpaceOfAnotherBackboneIsRefused) {
  const auto backbone = RandomVgg16(32), other = RandomVgg16(64);
  const auto spec = ResolveFeatureSpace(other->info(), "", "", "fp32").value();
  const auto extractor = FeatureExtractor::Create(*backbone, spec, {});
  EXPECT_THAT(extractor,
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "Use the backbone that the feature space names"));
  EXPECT_EQ(ReasonOf(extractor.status()), "BACKBONE_MISMATCH");
}

TEST(FeatureExtractorTest, AnOverflowIsAnErrorNotAFeature) {
  Tensors tensors;
  tensors["features.0.weight"] = {{64, 3, 3, 3},
                                  std::vector<float>(64 * 27, 3e38f)};
  tensors["features.0.bias"] = {{64}, std::vector<float>(64, 3e38f)};
  BackboneSource source;
  source.arch = "vgg16";
  source.weights = Safetensors(tensors);
  source.input_size = 32;
  const auto backbone = Backbone::Load(source);
  ASSERT_THAT(backbone, IsOk());
  const auto extractor = Extractor(**backbone, "fp32", {}, "max");
  const std::vector<float> planes(3 * 32 * 32, 1);
  std::vector<float> feature(64);
  const absl::Status status =
      extractor->Forward(planes.data(), 1, feature.data());
  EXPECT_EQ(ReasonOf(status), "FEATURE_NOT_FINITE");
}

}  // namespace
}  // namespace nevus
