#include "compute/backbone/backbone.h"

#include <string>
#include <vector>

#include "base/digest.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/backbone/architecture.h"
#include "compute/backbone/random_weights.h"
#include "compute/backbone/testing/keras_file.h"
#include "compute/backbone/testing/weight_files.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

BackboneSource Random(uint64_t seed, const std::string& arch = "vgg16") {
  BackboneSource source;
  source.arch = arch;
  source.random_seed = seed;
  return source;
}

BackboneSource File(std::string weights, const std::string& arch = "vgg16") {
  BackboneSource source;
  source.arch = arch;
  source.weights = std::move(weights);
  return source;
}

// The first `convolutions` layers of random weights.
Tensors FirstLayers(const std::string& arch, int convolutions) {
  const Architecture architecture =
      MakeArchitecture(arch, Family::kTorchvision);
  const Tensors whole = RandomTensors(architecture, 5);
  Tensors tensors;
  for (int i = 0; i < convolutions; ++i) {
    for (const TensorSource& tensor : architecture.sources[i].tensors) {
      tensors[tensor.name] = whole.at(tensor.name);
    }
  }
  return tensors;
}

std::string KerasVgg16(const Tensors& tensors) {
  return KerasFile(MakeArchitecture("vgg16", Family::kKeras), tensors);
}

// Simonyan and Zisserman's configuration D: Keras's summary of VGG16 without
// its top says 14,714,688 parameters and an output of 7 x 7 x 512.
TEST(BackboneTest, WholeVgg16HasThePublishedSize) {
  const auto backbone = Backbone::Load(Random(1));
  ASSERT_THAT(backbone, IsOk());
  const BackboneInfo& info = (*backbone)->info();
  EXPECT_EQ(info.arch, "vgg16");
  EXPECT_EQ(info.input_size, 224);
  EXPECT_EQ(info.parameters, 14714688);
  EXPECT_NEAR(info.gmac, 15.35, 0.005);
  EXPECT_EQ(info.weights_kind, "random");
  EXPECT_EQ(info.normalization, Normalization::kTorchvision);
  EXPECT_TRUE(IsSha256Hex(info.digest));
  EXPECT_EQ(info.default_cut, "block5_pool");
  ASSERT_EQ(info.cuts.size(), 18u);
  const Cut cut = FindCut(info, "").value();
  EXPECT_EQ(cut.name, "block5_pool");
  EXPECT_EQ(cut.channels, 512);
  EXPECT_EQ(cut.height, 7);
  EXPECT_EQ(cut.width, 7);
  const Cut early = FindCut(info, "block2_conv1").value();
  EXPECT_EQ(early.channels, 128);
  EXPECT_EQ(early.height, 112);
}

struct Published {
  const char* arch;
  int input_size;
  int64_t parameters;
  double gmac;
  Normalization normalization;
  const char* cut;
  int channels, side;
};

// architecture_test.cc says where the numbers come from.
TEST(BackboneTest, EachNetworkHasThePublishedSizeAndItsOwnNormalization) {
  for (const Published& wanted : std::vector<Published>{
           {"resnet50", 224, 23508032, 4.087, Normalization::kTorchvision,
            "conv5_block3_out", 2048, 7},
           {"inception_v3", 299, 21785568, 5.711, Normalization::kTf, "mixed10",
            2048, 8},
           {"xception", 299, 20861480, 8.4, Normalization::kTf,
            "block14_sepconv2_act", 2048, 10},
           {"squeezenet1_1", 224, 722496, 0.26, Normalization::kTorchvision,
            "fire9", 512, 13}}) {
    SCOPED_TRACE(wanted.arch);
    const auto backbone = Backbone::Load(Random(1, wanted.arch));
    ASSERT_THAT(backbone, IsOk());
    const BackboneInfo& info = (*backbone)->info();
    EXPECT_EQ(info.arch, wanted.arch);
    EXPECT_EQ(info.input_size, wanted.input_size);
    EXPECT_EQ(info.parameters, wanted.parameters);
    EXPECT_NEAR(info.gmac, wanted.gmac, 0.05);
    EXPECT_EQ(info.normalization, wanted.normalization);
    EXPECT_EQ(info.default_cut, wanted.cut);
    EXPECT_EQ(info.missing_tensor, "");
    const Cut cut = FindCut(info, "").value();
    EXPECT_EQ(cut.channels, wanted.channels);
    EXPECT_EQ(cut.height, wanted.side);
    EXPECT_EQ(cut.width, wanted.side);
  }
}

// By Python's hashlib over the fields that docs/backbones.md names: a digest
// once given must not change, or stored features would have no backbone.
TEST(BackboneTest, TheDigestOfVgg16StaysWhatItWas) {
  EXPECT_EQ(Backbone::Load(Random(7)).value()->info().digest,
            "abfa78aacb5dff7cac8a81b98cc7a590a08fb70cbac7335351c572d8f798eb26");
}

TEST(BackboneTest, FilesOfNetworksWithNormsAreTheBackboneOfTheirTensors) {
  for (const char* arch : {"resnet50", "inception_v3"}) {
    SCOPED_TRACE(arch);
    const std::string digest =
        Backbone::Load(Random(3, arch)).value()->info().digest;
    Tensors tensors =
        RandomTensors(MakeArchitecture(arch, Family::kTorchvision), 3);
    tensors["fc.weight"] = {{1, 2}, {3, 4}};
    tensors["AuxLogits.conv0.conv.weight"] = {{1, 1, 1, 1}, {5}};
    tensors["bn1.num_batches_tracked"] = {{1}, {6}};
    const auto backbone = Backbone::Load(File(Safetensors(tensors), arch));
    ASSERT_THAT(backbone, IsOk());
    EXPECT_EQ((*backbone)->info().digest, digest);
    EXPECT_EQ((*backbone)->info().weights_kind, "safetensors");
  }
}

TEST(BackboneTest, KerasFilesLoadWhereverTheirCountersBegan) {
  const struct {
    const char* arch;
    int64_t parameters;
    Normalization normalization;
  } kNetworks[] = {{"resnet50", 23587712, Normalization::kCaffe},
                   {"inception_v3", 21802784, Normalization::kTf},
                   {"xception", 20861480, Normalization::kTf}};
  for (const auto& network : kNetworks) {
    SCOPED_TRACE(network.arch);
    const Architecture keras = MakeArchitecture(network.arch, Family::kKeras);
    const Tensors tensors = RandomTensors(keras, 3);
    std::string digest;
    for (int first : {0, 1, 95}) {
      const auto backbone =
          Backbone::Load(File(KerasFile(keras, tensors, first), network.arch));
      ASSERT_THAT(backbone, IsOk());
      const BackboneInfo& info = (*backbone)->info();
      EXPECT_EQ(info.weights_kind, "keras_h5");
      EXPECT_EQ(info.normalization, network.normalization);
      EXPECT_EQ(info.parameters, network.parameters);
      if (digest.empty()) digest = info.digest;
      EXPECT_EQ(info.digest, digest);
    }
    // Xception's random weights are Keras's too.
    const auto random = Backbone::Load(Random(3, network.arch));
    EXPECT_EQ((*random)->info().digest == digest,
              std::string(network.arch) == "xception");
  }
}

TEST(BackboneTest, AFileOfHalfANetworkReachesItsLastBlock) {
  // The stem, a projection and three blocks of three convolutions.
  const auto backbone = Backbone::Load(
      File(Safetensors(FirstLayers("resnet50", 11)), "resnet50"));
  ASSERT_THAT(backbone, IsOk());
  const BackboneInfo& info = (*backbone)->info();
  EXPECT_EQ(info.default_cut, "conv2_block3_out");
  EXPECT_EQ(info.missing_tensor, "layer2.0.downsample.0.weight");
  const auto cut = FindCut(info, "conv3_block1_out");
  EXPECT_THAT(cut, StatusIs(absl::StatusCode::kInvalidArgument,
                            "tensor layer2.0.downsample.0.weight is missing"));
  EXPECT_EQ(ReasonOf(cut.status()), "CUT_UNREACHED");
}

TEST(BackboneTest, SqueezenetIsReadFromTorchvisionsTensorsAlone) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(
      Backbone::Load(File("\x89HDF\r\n\x1a\n and more", "squeezenet1_1")),
      StatusIs(kInvalid, "HDF5; squeezenet1_1 is read from .safetensors"));
  const auto empty =
      Backbone::Load(File(Safetensors("{}", ""), "squeezenet1_1"));
  EXPECT_THAT(empty, StatusIs(kInvalid, "features.0.weight is missing"));
  EXPECT_THAT(empty, StatusIs(kInvalid, "with torchvision's names"));
}

TEST(BackboneTest, XceptionIsReadFromKerasFilesAlone) {
  EXPECT_THAT(Backbone::Load(File(Safetensors("{}", ""), "xception")),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "xception is read from Keras's .h5"));
}

TEST(BackboneTest, SeveralCutsGiveTheirActivationsOneBehindTheOther) {
  BackboneSource source = Random(2, "resnet50");
  source.input_size = 64;
  const auto backbone = Backbone::Load(source);
  ASSERT_THAT(backbone, IsOk());
  const std::vector<float> planes = TestPlanes(1, 64);
  const auto run = [&](const std::string& cuts) {
    int size = 0;
    const auto found = FindCuts((*backbone)->info(), cuts);
    EXPECT_THAT(found, IsOk());
    for (const Cut& cut : *found) {
      size += cut.channels * cut.height * cut.width;
    }
    std::vector<float> activation(size);
    const auto network =
        (*backbone)->NewNetwork(cuts, Arithmetic::kFp32, {}, /*threads=*/1);
    EXPECT_THAT(network, IsOk());
    EXPECT_THAT((*network)->Run(planes.data(), activation.data()), IsOk());
    return activation;
  };
  const std::vector<float> late = run("conv4_block6_out");
  const std::vector<float> early = run("conv2_block1_out");
  // Late before early, and a layer between whose result others overwrite.
  std::vector<float> joined = late;
  joined.insert(joined.end(), early.begin(), early.end());
  EXPECT_EQ(run("conv4_block6_out,conv2_block1_out"), joined);
}

TEST(BackboneTest, TheDigestNamesWeightsAndInputSizeNotNormalization) {
  const auto digest = [](const BackboneSource& source) {
    return Backbone::Load(source).value()->info().digest;
  };
  const std::string seven = digest(Random(7));
  EXPECT_EQ(digest(Random(7)), seven);
  EXPECT_NE(digest(Random(8)), seven);
  BackboneSource other_size = Random(7);
  other_size.input_size = 128;
  EXPECT_NE(digest(other_size), seven);
  BackboneSource caffe = Random(7);
  caffe.normalization = Normalization::kCaffe;
  EXPECT_EQ(digest(caffe), seven);
}

TEST(BackboneTest, KerasAndSafetensorsOfTheSameWeightsAreTheSameBackbone) {
  const Tensors tensors = FirstLayers("vgg16", 4);
  const auto safetensors = Backbone::Load(File(Safetensors(tensors)));
  const auto keras = Backbone::Load(File(KerasVgg16(tensors)));
  ASSERT_THAT(safetensors, IsOk());
  ASSERT_THAT(keras, IsOk());
  EXPECT_EQ((*safetensors)->info().digest, (*keras)->info().digest);
  EXPECT_EQ((*safetensors)->info().weights_kind, "safetensors");
  EXPECT_EQ((*keras)->info().weights_kind, "keras_h5");
  EXPECT_EQ((*safetensors)->info().normalization, Normalization::kTorchvision);
  EXPECT_EQ((*keras)->info().normalization, Normalization::kCaffe);
  for (const auto& [layer, weights] : (*safetensors)->table()->weights) {
    EXPECT_EQ((*keras)->table()->weights.at(layer).weight.values,
              weights.weight.values);
  }

  std::vector<float> a(128 * 56 * 56), b(a.size());
  const std::vector<float> planes = TestPlanes(1, 224);
  for (const auto& [backbone, out] :
       {std::pair(keras->get(), &a), std::pair(safetensors->get(), &b)}) {
    const auto network = backbone->NewNetwork("", Arithmetic::kFp32, {}, 1);
    ASSERT_THAT(network, IsOk());
    ASSERT_THAT((*network)->Run(planes.data(), out->data()), IsOk());
  }
  EXPECT_EQ(a, b);
}

TEST(BackboneTest, GenuineWeightsReachTheirLastBlock) {
  const std::string file = RealWeights("vgg16_blocks_1_3.safetensors");
  if (file.empty()) GTEST_SKIP() << "skipped: no ../shared/data";
  const auto backbone = Backbone::Load(File(file));
  ASSERT_THAT(backbone, IsOk());
  const BackboneInfo& info = (*backbone)->info();
  EXPECT_EQ(info.default_cut, "block3_pool");
  EXPECT_EQ(info.cuts.back().name, "block3_pool");
  // 38,720 + 221,440 + 1,475,328: the blocks' rows in Keras's summary.
  EXPECT_EQ(info.parameters, 1735488);
}

TEST(BackboneTest, ACutBehindTheWeightsIsRefusedNamingWhatIsMissing) {
  const auto backbone =
      Backbone::Load(File(Safetensors(FirstLayers("vgg16", 3))));
  ASSERT_THAT(backbone, IsOk());
  const BackboneInfo& info = (*backbone)->info();
  EXPECT_EQ(info.default_cut, "block1_pool");
  EXPECT_THAT(FindCut(info, "block2_conv1"), IsOk());
  for (const char* cut : {"block2_conv2", "block2_pool", "block5_pool"}) {
    SCOPED_TRACE(cut);
    const auto network =
        (*backbone)->NewNetwork(cut, Arithmetic::kFp32, {}, /*threads=*/1);
    EXPECT_THAT(network, StatusIs(absl::StatusCode::kInvalidArgument,
                                  "they end at block2_conv1, tensor "
                                  "features.7.weight is missing"));
    EXPECT_EQ(ReasonOf(network.status()), "CUT_UNREACHED");
  }
  const auto unknown = FindCut(info, "block9_pool");
  EXPECT_THAT(unknown, StatusIs(absl::StatusCode::kInvalidArgument,
                                "it has block1_conv1, block1_conv2"));
  EXPECT_EQ(ReasonOf(unknown.status()), "CUT_UNKNOWN");
}

TEST(BackboneTest, AFileWithoutAPoolEndsAtItsLastConvolution) {
  const auto backbone =
      Backbone::Load(File(Safetensors(FirstLayers("vgg16", 1))));
  ASSERT_THAT(backbone, IsOk());
  EXPECT_EQ((*backbone)->info().default_cut, "block1_conv1");
}

TEST(BackboneTest, TensorsOfTheClassifierAreIgnored) {
  Tensors tensors = FirstLayers("vgg16", 2);
  const std::string digest =
      Backbone::Load(File(Safetensors(tensors))).value()->info().digest;
  tensors["classifier.0.weight"] = {{1, 2}, {3, 4}};
  const auto with_top = Backbone::Load(File(Safetensors(tensors)));
  ASSERT_THAT(with_top, IsOk());
  EXPECT_EQ((*with_top)->info().digest, digest);
}

TEST(BackboneTest, RefusesWhatIsNoBackbone) {
  const auto with = [](auto change) {
    BackboneSource source = Random(1);
    change(source);
    return Backbone::Load(source).status();
  };
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  const absl::Status arch = with([](auto& s) { s.arch = "vgg19"; });
  EXPECT_THAT(arch, StatusIs(kInvalid, "architecture \"vgg19\" is not known"));
  EXPECT_THAT(arch, StatusIs(kInvalid, "squeezenet1_1 or torchscript"));
  EXPECT_EQ(ReasonOf(arch), "ARCH_UNKNOWN");
  for (int size : {-1, 31, 1025, 2000000000}) {
    const absl::Status status = with([&](auto& s) { s.input_size = size; });
    EXPECT_THAT(status, StatusIs(kInvalid, "out of range; 32 to 1024"));
    EXPECT_EQ(ReasonOf(status), "INPUT_SIZE_INVALID");
  }
  for (const auto& [name, smallest] :
       {std::pair("inception_v3", 75), std::pair("xception", 71)}) {
    BackboneSource source = Random(1, name);
    source.input_size = smallest - 1;
    EXPECT_THAT(
        Backbone::Load(source),
        StatusIs(kInvalid, "out of range; " + std::to_string(smallest)));
    source.input_size = smallest;
    EXPECT_THAT(Backbone::Load(source), IsOk());
  }
  EXPECT_THAT(with([](auto& s) { s.random_seed.reset(); }),
              StatusIs(kInvalid, "the file is empty"));
  EXPECT_THAT(with([](auto& s) { s.weights = "x"; }),
              StatusIs(kInvalid, "both a weight file and a random seed"));
  EXPECT_THAT(with([](auto& s) { s.arch = "torchscript"; }),
              StatusIs(kInvalid, "brings its own weights"));
  EXPECT_THAT(Backbone::Load(File("PK\x03\x04 and so on")),
              StatusIs(kInvalid, "PyTorch archive"));
  EXPECT_THAT(Backbone::Load(File("<!DOCTYPE html>")),
              StatusIs(kInvalid, "is not .safetensors or Keras's .h5"));
  EXPECT_THAT(Backbone::Load(File(Safetensors("{}", ""))),
              StatusIs(kInvalid, "tensor features.0.weight"));
  EXPECT_THAT(Backbone::Load(File("\x89HDF\r\n\x1a\nand no more")),
              StatusIs(kInvalid, "truncated"));
}

}  // namespace
}  // namespace nevus
