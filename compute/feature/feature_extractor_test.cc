#include "compute/feature/feature_extractor.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/backbone/testing/weight_files.h"
#include "compute/backbone/vgg16.h"
#include "compute/feature/eager_reference.h"
#include "compute/feature/pooling.h"
#include "compute/image/decode.h"
#include "compute/image/pixels.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

constexpr char kFolder[] = "compute/feature/testdata/";

std::unique_ptr<Backbone> RandomBackbone(int input_size) {
  BackboneSource source;
  source.arch = "vgg16";
  source.random_seed = 1;
  source.input_size = input_size;
  return Backbone::Load(source).value();
}

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
  double tolerance;  // fp32: the bound; Winograd: vgg16_network_test.cc
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
  };
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
    const auto feature =
        Extractor(**backbone, golden.precision, {}, golden.pool)
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
  const auto backbone = RandomBackbone(224);
  const std::vector<float> planes = TestPlanes(2, 224);
  std::vector<float> eager;
  ASSERT_THAT(EagerNetwork::Create(*backbone, "", 1)
                  .value()
                  ->Forward(planes.data(), 2, &eager),
              IsOk());
  for (const std::string& precision : Arithmetics(*backbone)) {
    SCOPED_TRACE(precision);
    const auto extractor = Extractor(*backbone, precision, {}, "flatten");
    ASSERT_EQ(extractor->dimension(), 512 * 7 * 7);
    std::vector<float> features(2 * extractor->dimension());
    ASSERT_THAT(extractor->Forward(planes.data(), 2, features.data()), IsOk());
    // Thirteen layers, by the derivation in vgg16_network_test.cc.
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
  const auto vgg16 = RandomBackbone(224);
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

TEST(FeatureExtractorTest, ABadImageDoesNotDisturbTheOthers) {
  const std::string good = ReadFileOrFail(std::string(kFolder) + "image.png");
  const auto backbone = RandomBackbone(32);
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
  const auto backbone = RandomBackbone(64);
  const auto extractor = Extractor(*backbone, "fp32");
  const std::vector<float> alone = *extractor->Extract({image})[0];
  const Cut& cut = extractor->cut();
  std::vector<Pixels> pixels(3);
  std::vector<std::vector<float>> pooled(3);
  ExtractObserver observer;
  observer.pixels = [&](size_t i, const Pixels& seen) { pixels[i] = seen; };
  observer.activation = [&](size_t i, const float* activation) {
    pooled[i].resize(extractor->dimension());
    Pool(activation, cut, Pooling::kAverage, pooled[i].data());
  };
  const auto features =
      extractor->Extract({image, "no image", image}, nullptr, observer);
  for (const size_t i : {0, 2}) {
    EXPECT_EQ(*features[i], alone);
    EXPECT_EQ(pooled[i], alone);
    EXPECT_EQ(pixels[i].rgb, DecodeImage(image)->rgb);
  }
  EXPECT_TRUE(pooled[1].empty());
  EXPECT_TRUE(pixels[1].rgb.empty());
}

TEST(FeatureExtractorTest, StopsBetweenTwoImagesWhenItIsToldTo) {
  const std::string image = ReadFileOrFail(std::string(kFolder) + "image.png");
  const auto backbone = RandomBackbone(32);
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
  const auto backbone = RandomBackbone(32);
  FeatureExtractorOptions options;
  options.limits.max_pixels = 1000;  // the image has 32 x 32
  EXPECT_EQ(
      ReasonOf(
          Extractor(*backbone, "fp32", options)->Extract({image})[0].status()),
      "IMAGE_TOO_LARGE");
}

TEST(FeatureExtractorTest, OutlivesItsBackbone) {
  const std::string image = ReadFileOrFail(std::string(kFolder) + "image.png");
  auto backbone = RandomBackbone(32);
  const auto extractor = Extractor(*backbone, "auto");
  const std::vector<float> before = *extractor->Extract({image})[0];
  backbone.reset();
  EXPECT_EQ(*extractor->Extract({image})[0], before);
  EXPECT_EQ(extractor->digest(), FeatureSpaceDigest(extractor->spec()));
}

TEST(FeatureExtractorTest, AFeatureSpaceOfAnotherBackboneIsRefused) {
  const auto backbone = RandomBackbone(32), other = RandomBackbone(64);
  const auto spec = ResolveFeatureSpace(other->info(), "", "", "fp32").value();
  const auto extractor = FeatureExtractor::Create(*backbone, spec, {});
  EXPECT_THAT(extractor,
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "Use the backbone that the feature space names"));
  EXPECT_EQ(ReasonOf(extractor.status()), "BACKBONE_MISMATCH");
}

TEST(FeatureExtractorTest, AnOverflowIsAnErrorNotAFeature) {
  Tensors tensors;
  const Vgg16Conv& conv = Vgg16Convs()[0];
  tensors[conv.weight()] = {{64, 3, 3, 3}, std::vector<float>(64 * 27, 3e38f)};
  tensors[conv.bias()] = {{64}, std::vector<float>(64, 3e38f)};
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
