#include "compute/backbone/keras_h5.h"

#include <H5PLpublic.h>
#include <hdf5.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/mutex.h"
#include "base/status.h"

namespace nevus {
namespace {

// Debian's HDF5 is built without thread safety.
Mutex& Hdf5Mutex() {
  static Mutex* mutex = new Mutex;
  return *mutex;
}

// Closes an HDF5 identifier of any kind.
class Handle {
 public:
  explicit Handle(hid_t id) : id_(id) {}
  ~Handle() {
    if (id_ >= 0) H5Idec_ref(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  operator hid_t() const { return id_; }
  bool ok() const { return id_ >= 0; }

 private:
  const hid_t id_;
};

// Opens a file that lies in memory; nothing touches the disk.
hid_t OpenImage(std::string_view bytes) {
  const Handle access(H5Pcreate(H5P_FILE_ACCESS));
  if (!access.ok() || H5Pset_fapl_core(access, 64 << 10, false) < 0 ||
      H5Pset_file_image(access, const_cast<char*>(bytes.data()), bytes.size()) <
          0) {
    return -1;
  }
  return H5Fopen("weights", H5F_ACC_RDONLY, access);
}

// True if `path` exists and each step to it is a hard link: a soft or external
// one could lead into another file.
bool Exists(hid_t file, const std::string& path) {
  std::string prefix;
  for (const std::string& step :
       std::vector<std::string>(absl::StrSplit(path, '/'))) {
    prefix = absl::StrCat(prefix, "/", step);
    H5L_info_t info;
    if (H5Lexists(file, prefix.c_str(), H5P_DEFAULT) <= 0 ||
        H5Lget_info(file, prefix.c_str(), &info, H5P_DEFAULT) < 0 ||
        info.type != H5L_TYPE_HARD) {
      return false;
    }
  }
  return true;
}

absl::StatusOr<Tensor> ReadDataset(hid_t file, const std::string& path,
                                   const Shape& wanted) {
  const Handle dataset(H5Dopen(file, path.c_str(), H5P_DEFAULT));
  const Handle space(dataset.ok() ? H5Dget_space(dataset) : -1);
  const Handle type(dataset.ok() ? H5Dget_type(dataset) : -1);
  const Handle creation(dataset.ok() ? H5Dget_create_plist(dataset) : -1);
  if (!space.ok() || !type.ok() || !creation.ok() ||
      H5Sget_simple_extent_type(space) != H5S_SIMPLE) {
    return BadWeights(absl::StrCat("tensor ", path,
                                   " is no array of numbers; the file is "
                                   "damaged or no weight file of Keras's"));
  }
  if (H5Pget_layout(creation) == H5D_VIRTUAL ||
      H5Pget_external_count(creation) != 0) {
    return BadWeights(
        absl::StrCat("tensor ", path,
                     " keeps its values in another file; a weight "
                     "file holds its own. Save the model again"));
  }
  std::vector<hsize_t> sizes(H5Sget_simple_extent_ndims(space));
  H5Sget_simple_extent_dims(space, sizes.data(), nullptr);
  RETURN_IF_ERROR(CheckShape(path, Shape(sizes.begin(), sizes.end()), wanted));
  const size_t type_bytes = H5Tget_size(type);
  if (H5Tget_class(type) != H5T_FLOAT || type_bytes > 4) {
    return BadWeights(
        absl::StrCat("tensor ", path, " is no 32- or 16-bit float (",
                     type_bytes, " bytes a value). Save the model in float32"));
  }
  Tensor tensor{wanted, std::vector<float>(Count(wanted))};
  if (H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT,
              tensor.values.data()) < 0) {
    return BadWeights(absl::StrCat("tensor ", path,
                                   " cannot be read: the file is truncated or "
                                   "damaged. Download it again"));
  }
  RETURN_IF_ERROR(CheckFinite(path, tensor));
  return tensor;
}

// The first of `paths` that exists; nothing if none does.
absl::StatusOr<std::optional<Tensor>> ReadFirst(
    hid_t file, const std::vector<std::string>& paths, const Shape& wanted) {
  for (const std::string& path : paths) {
    if (!Exists(file, path)) continue;
    ASSIGN_OR_RETURN(Tensor tensor, ReadDataset(file, path, wanted));
    return std::optional<Tensor>(std::move(tensor));
  }
  return std::optional<Tensor>();
}

// As Keras 1 and 2.0 called it: the layer's name, this, and "_1:0" or ":0". The
// running variance was called a deviation, and was none.
const char* OldRoleName(KerasRole role) {
  switch (role) {
    case KerasRole::kKernel:
      return "W";
    case KerasRole::kBias:
      return "b";
    case KerasRole::kMovingMean:
      return "running_mean";
    case KerasRole::kMovingVariance:
      return "running_std";
    default:
      return KerasRoleName(role);
  }
}

bool IsKernel(KerasRole role) {
  return role == KerasRole::kKernel || role == KerasRole::kDepthwiseKernel ||
         role == KerasRole::kPointwiseKernel;
}

// The shape in the file of a tensor that is to have `wanted`.
Shape KerasShape(KerasRole role, const Shape& wanted) {
  if (!IsKernel(role)) return wanted;
  const Shape& s = wanted;
  if (role == KerasRole::kDepthwiseKernel) return {s[2], s[3], s[0], s[1]};
  return {s[2], s[3], s[1], s[0]};
}

// kernel[y][x][in][out] -> weight[out][in][y][x], or, for a depthwise kernel,
// kernel[y][x][channel][1] -> weight[channel][1][y][x].
Tensor ToOihw(const Tensor& kernel, KerasRole role) {
  const int64_t area = kernel.shape[0] * kernel.shape[1];
  const int64_t in = kernel.shape[2], out = kernel.shape[3];
  const bool depthwise = role == KerasRole::kDepthwiseKernel;
  Tensor weight{{depthwise ? in : out, depthwise ? out : in, kernel.shape[0],
                 kernel.shape[1]},
                std::vector<float>(kernel.values.size())};
  for (int64_t yx = 0; yx < area; ++yx) {
    for (int64_t i = 0; i < in; ++i) {
      for (int64_t o = 0; o < out; ++o) {
        const int64_t filter = depthwise ? i * out + o : o * in + i;
        weight.values[filter * area + yx] =
            kernel.values[(yx * in + i) * out + o];
      }
    }
  }
  return weight;
}

herr_t AppendName(hid_t, const char* name, const H5L_info_t*, void* names) {
  static_cast<std::vector<std::string>*>(names)->push_back(name);
  return 0;
}

// The names of the layers in a file, and those that Keras gave itself in the
// order of their numbers.
class LayerNames {
 public:
  LayerNames(hid_t file, const std::string& root) {
    const Handle group(
        H5Gopen(file, root.empty() ? "/" : root.c_str(), H5P_DEFAULT));
    std::vector<std::string> names;
    H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, nullptr, AppendName, &names);
    for (const std::string& name : names) Add(name);
  }

  // "" if there is none.
  std::string Find(const KerasLayer& layer) const {
    if (layer.number == 0) return layer.name;
    for (const std::string& kind : {layer.name, OldKind(layer.name)}) {
      const auto numbered = numbered_.find(kind);
      if (numbered == numbered_.end()) continue;
      const auto found = numbered->second.find(numbered->second.begin()->first +
                                               layer.number - 1);
      return found == numbered->second.end() ? "" : found->second;
    }
    return "";
  }

 private:
  static std::string OldKind(const std::string& kind) {
    return kind == "conv2d" ? "convolution2d" : "batchnormalization";
  }

  void Add(const std::string& name) {
    for (const std::string kind :
         {"conv2d", "convolution2d", "batch_normalization",
          "batchnormalization"}) {
      int number = 0;
      if (name == kind ||
          (absl::StartsWith(name, kind + "_") &&
           absl::SimpleAtoi(name.substr(kind.size() + 1), &number))) {
        numbered_[kind][number] = name;
      }
    }
  }

  std::map<std::string, std::map<int, std::string>> numbered_;
};

absl::StatusOr<std::optional<Tensor>> ReadTensor(hid_t file,
                                                 const std::string& root,
                                                 const std::string& layer,
                                                 const KerasTensor& wanted) {
  const std::string group = absl::StrCat(root, layer, "/", layer);
  const std::string role = absl::StrCat(group, "/", KerasRoleName(wanted.role));
  const std::string old = absl::StrCat(group, "_", OldRoleName(wanted.role));
  ASSIGN_OR_RETURN(
      std::optional<Tensor> tensor,
      ReadFirst(file, {role + ":0", role, old + "_1:0", old + ":0"},
                KerasShape(wanted.role, wanted.shape)));
  if (tensor && IsKernel(wanted.role)) tensor = ToOihw(*tensor, wanted.role);
  return tensor;
}

}  // namespace

bool LooksLikeHdf5(std::string_view bytes) {
  return bytes.substr(0, 8) == "\x89HDF\r\n\x1a\n";
}

absl::StatusOr<Tensors> ReadKerasH5(std::string_view bytes,
                                    const std::vector<KerasTensor>& wanted) {
  MutexLock lock(Hdf5Mutex());
  H5Eset_auto(H5E_DEFAULT, nullptr, nullptr);  // else it prints on stderr
  H5PLset_loading_state(0);  // a file must not name a plug-in to load
  const Handle file(OpenImage(bytes));
  if (!file.ok()) {
    return BadWeights(
        "the file begins like HDF5 but cannot be opened: it is truncated or "
        "damaged. Download it again");
  }
  const std::string root =
      Exists(file, "model_weights") ? "model_weights/" : "";
  const LayerNames layers(file, root);
  Tensors tensors;
  for (const KerasTensor& tensor : wanted) {
    const std::string layer = layers.Find(tensor.layer);
    if (layer.empty()) continue;
    ASSIGN_OR_RETURN(std::optional<Tensor> found,
                     ReadTensor(file, root, layer, tensor));
    if (found) tensors[tensor.name] = *std::move(found);
  }
  return tensors;
}

}  // namespace nevus
