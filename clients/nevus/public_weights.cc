#include "clients/nevus/public_weights.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"

namespace nevus {

// SHA-256: the pages of these files at huggingface.co, "Git LFS Details". MD5:
// WEIGHTS_HASHES and file_hash in keras/applications. torchvision's own files
// are pickles, which are programs; timm republishes the same tensors.
const std::vector<PublicWeights>& AllPublicWeights() {
  static const auto* const all = new std::vector<PublicWeights>{
      {"vgg16", "torchvision", "vgg16.tv_in1k.safetensors",
       "https://huggingface.co/timm/vgg16.tv_in1k/resolve/"
       "3394518cba29aee1ea82a49d971be90d2dd1dab7/model.safetensors",
       "57b026918159a6bf9faf8405c3a551903768e7138989d9c6224a14227203fad8", "",
       553},
      {"vgg16", "keras", "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
       "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/"
       "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
       "", "6d6bbae143d832006294945121d1f1fc", 59},
      {"resnet50", "torchvision", "resnet50.tv_in1k.safetensors",
       "https://huggingface.co/timm/resnet50.tv_in1k/resolve/"
       "aa6c2d36d56bc0209040c02b5a7b7d7bf11d57b8/model.safetensors",
       "5d061a3c593d795bfe682d9b152bafbcf550579873492def3515b46db1189888", "",
       102},
      {"resnet50", "keras",
       "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
       "https://storage.googleapis.com/tensorflow/keras-applications/resnet/"
       "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
       "", "4d473c1dd8becc155b73f8504c6f6626", 95},
      {"inception_v3", "torchvision", "inception_v3.tv_in1k.safetensors",
       "https://huggingface.co/timm/inception_v3.tv_in1k/resolve/main/"
       "model.safetensors",
       "9c452c63a67fd03a38a78c401ba12d4be0e926df63c93403de3a29f6df20fefb", "",
       96},
      {"inception_v3", "keras",
       "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
       "https://storage.googleapis.com/tensorflow/keras-applications/"
       "inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
       "", "bcbd6486424b2319ff4ef7d526e38f63", 88},
      {"xception", "keras",
       "xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
       "https://storage.googleapis.com/tensorflow/keras-applications/xception/"
       "xception_weights_tf_dim_ordering_tf_kernels_notop.h5",
       "", "b0042744bf5b25fce3cb969f33bebb97", 84},
  };
  return *all;
}

absl::StatusOr<PublicWeights> FindPublicWeights(const std::string& arch,
                                                const std::string& family) {
  for (const PublicWeights& weights : AllPublicWeights()) {
    if (weights.arch == arch && (family.empty() || weights.family == family)) {
      return weights;
    }
  }
  const std::string what =
      family.empty() ? arch
                     : absl::StrCat(arch, " with ", family, "'s weights");
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "no public file of ", what, " is known here. There are those of ",
          absl::StrJoin(AllPublicWeights(), ", ",
                        [](std::string* text, const PublicWeights& weights) {
                          absl::StrAppend(text, weights.arch, " (",
                                          weights.family, ")");
                        }),
          ". Choose one of them, or import a file of your own")),
      "WEIGHTS_NOT_PUBLISHED", {{"arch", arch}, {"weights", family}});
}

std::string HashText(const PublicWeights& weights) {
  return *weights.sha256 != '\0' ? absl::StrCat("SHA-256 ", weights.sha256)
                                 : absl::StrCat("MD5 ", weights.md5);
}

}  // namespace nevus
