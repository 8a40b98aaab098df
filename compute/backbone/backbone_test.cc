#include "compute/backbone/backbone.h"

#include <hdf5.h>

#include <string>
#include <vector>

#include "base/digest.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/backbone/testing/weight_files.h"
#include "compute/backbone/vgg16.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

BackboneSource Random(uint64_t seed) {
  BackboneSource source;
  source.arch = "vgg16";
  source.random_seed = seed;
  return source;
}

BackboneSource File(std::string weights) {
  BackboneSource source;
  source.arch = "vgg16";
  source.weights = std::move(weights);
  return source;
}

// The first `convs` layers of random weights.
Tensors FirstLayers(int convs) {
  Tensors tensors;
  const Tensors whole = RandomVgg16(5).tensors;
  for (int i = 0; i < convs; ++i) {
    const Vgg16Conv& conv = Vgg16Convs()[i];
    tensors[conv.weight()] = whole.at(conv.weight());
    tensors[conv.bias()] = whole.at(conv.bias());
  }
  return tensors;
}

// A Keras weight file of `tensors`, written with HDF5 into memory.
std::string KerasH5(const Tensors& tensors) {
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_fapl_core(access, 1 << 20, /*backing_store=*/false);
  const hid_t file = H5Fcreate("made", H5F_ACC_TRUNC, H5P_DEFAULT, access);
  const hid_t parents = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(parents, 1);
  const auto write = [&](const std::string& path,
                         const std::vector<hsize_t>& shape,
                         const std::vector<float>& values) {
    const hid_t space = H5Screate_simple(shape.size(), shape.data(), nullptr);
    const hid_t dataset = H5Dcreate(file, path.c_str(), H5T_IEEE_F32LE, space,
                                    parents, H5P_DEFAULT, H5P_DEFAULT);
    EXPECT_GE(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                       values.data()),
              0);
    H5Dclose(dataset);
    H5Sclose(space);
  };
  for (const Vgg16Conv& conv : Vgg16Convs()) {
    if (tensors.count(conv.weight()) == 0) continue;
    const std::vector<float>& weight = tensors.at(conv.weight()).values;
    std::vector<float> kernel;
    for (int yx = 0; yx < 9; ++yx) {
      for (int i = 0; i < conv.in; ++i) {
        for (int o = 0; o < conv.out; ++o) {
          kernel.push_back(weight[(o * conv.in + i) * 9 + yx]);
        }
      }
    }
    const std::string group = std::string(conv.name) + "/" + conv.name;
    const hsize_t in = conv.in, out = conv.out;
    write(group + "/kernel:0", {3, 3, in, out}, kernel);
    write(group + "/bias:0", {out}, tensors.at(conv.bias()).values);
  }
  H5Fflush(file, H5F_SCOPE_GLOBAL);
  std::string image(H5Fget_file_image(file, nullptr, 0), '\0');
  H5Fget_file_image(file, image.data(), image.size());
  H5Pclose(parents);
  H5Fclose(file);
  H5Pclose(access);
  return image;
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
  const Tensors tensors = FirstLayers(4);
  const auto safetensors = Backbone::Load(File(Safetensors(tensors)));
  const auto keras = Backbone::Load(File(KerasH5(tensors)));
  ASSERT_THAT(safetensors, IsOk());
  ASSERT_THAT(keras, IsOk());
  EXPECT_EQ((*safetensors)->info().digest, (*keras)->info().digest);
  EXPECT_EQ((*safetensors)->info().weights_kind, "safetensors");
  EXPECT_EQ((*keras)->info().weights_kind, "keras_h5");
  EXPECT_EQ((*safetensors)->info().normalization, Normalization::kTorchvision);
  EXPECT_EQ((*keras)->info().normalization, Normalization::kCaffe);
  for (const auto& [name, tensor] : tensors) {
    EXPECT_EQ((*keras)->vgg16()->tensors.at(name).values, tensor.values);
  }

  std::vector<float> a(128 * 56 * 56), b(a.size());
  const std::vector<float> planes = TestPlanes(1, 224);
  for (const auto& [backbone, out] :
       {std::pair(keras->get(), &a), std::pair(safetensors->get(), &b)}) {
    const auto network = backbone->NewNetwork("", Arithmetic::kFp32, 1);
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
  const auto backbone = Backbone::Load(File(Safetensors(FirstLayers(3))));
  ASSERT_THAT(backbone, IsOk());
  const BackboneInfo& info = (*backbone)->info();
  EXPECT_EQ(info.default_cut, "block1_pool");
  EXPECT_THAT(FindCut(info, "block2_conv1"), IsOk());
  for (const char* cut : {"block2_conv2", "block2_pool", "block5_pool"}) {
    SCOPED_TRACE(cut);
    const auto network =
        (*backbone)->NewNetwork(cut, Arithmetic::kFp32, /*threads=*/1);
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
  const auto backbone = Backbone::Load(File(Safetensors(FirstLayers(1))));
  ASSERT_THAT(backbone, IsOk());
  EXPECT_EQ((*backbone)->info().default_cut, "block1_conv1");
}

TEST(BackboneTest, TensorsOfTheClassifierAreIgnored) {
  Tensors tensors = FirstLayers(2);
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
  EXPECT_EQ(ReasonOf(arch), "ARCH_UNKNOWN");
  for (int size : {-1, 31, 1025, 2000000000}) {
    const absl::Status status = with([&](auto& s) { s.input_size = size; });
    EXPECT_THAT(status, StatusIs(kInvalid, "out of range; 32 to 1024"));
    EXPECT_EQ(ReasonOf(status), "INPUT_SIZE_INVALID");
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
              StatusIs(kInvalid, "neither .safetensors nor Keras's .h5"));
  EXPECT_THAT(Backbone::Load(File(Safetensors("{}", ""))),
              StatusIs(kInvalid, "tensor features.0.weight"));
  EXPECT_THAT(Backbone::Load(File("\x89HDF\r\n\x1a\nand no more")),
              StatusIs(kInvalid, "truncated"));
}

}  // namespace
}  // namespace nevus
