/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "cli.h"

static const struct cli_key train_keys[] = {
    { "method", "how to distil; 'none' trains on the task alone" },
    { "device", "\"cpu\", \"opencl:1\", \"auto\": see 'limbeck devices'" },
    { "threads", "of the CPU; results do not depend on it" },
    { "seed", "of weights, order of data and augmentation" },
    { "out", "directory of the run" },
    { "strict", "yes: an operator without a kernel on the device is an error" },
    { "plain", "yes: every distillation weight off, the baseline of the same recipe" },
    { NULL, NULL },
};
static const struct cli_key predict_keys[] = {
    { "out", "directory to write to" },
    { "part", "of the data set, where no pictures are given: train, val, test" },
    { "device", "\"cpu\", \"opencl:1\", \"auto\": see 'limbeck devices'" },
    { "threads", "of the CPU; results do not depend on it" },
    { NULL, NULL },
};
static const struct cli_key loss_keys[] = {
    { "in", "safetensors file with a tensor for each input of the loss" },
    { "out", "safetensors file to write: loss, and grad.<input> for each input" },
    { "device", "where to compute it" },
    { "threads", "of the CPU" },
    { NULL, NULL },
};
static const struct cli_key bench_keys[] = {
    { "device", "where" },
    { "threads", "of the CPU" },
    { "seconds", "to measure for" },
    { "model", "train: which network" },
    { "teacher", "train: also a frozen network that it learns from; its options are teacher.NAME" },
    { "loss", "train: what compares it with the teacher, as mse or kl,temperature=2" },
    { "taps", "train: where in both; a term for each, as of neck/*" },
    { "input", "train: shape of one sample, as 3x32x32" },
    { "classes", "train: of the output" },
    { "batch", "train: samples in a step" },
    { "profile", "train: yes: times every launch, a line for each operator; -v lists them all" },
    { "shapes", "op: of its operands, as 64x16x32x32,16x16x3x3; its own samples, otherwise" },
    { "strict", "op: that it cannot run on the device is an error" },
    { NULL, NULL },
};
static const struct cli_key convert_keys[] = {
    { "model", "which network the weights are of" },
    { "out", "safetensors file to write" },
    { "to", "limbeck (as roles load them), or torch (a state_dict with the published names)" },
    { "classes", "of the network; as many as the file has, otherwise" },
    { "last", "keep, or new: layers that depend on classes=N are not taken over but start anew" },
    { "input", "shape of one sample, where weights depend on it: 3x32x32" },
    { NULL, NULL },
};
static const struct cli_key doctor_keys[] = {
    { "out", "directory that runs are to be written to; where it is called, otherwise" },
    { NULL, NULL },
};
static const struct cli_key compare_keys[] = {
    { "score", "which one; their metric, otherwise" },
    { "baseline", "a run of the group that the others are set against" },
    { "ignore", "settings that may differ inside a group, as in teacher.weights,batch" },
    { NULL, NULL },
};
static const struct cli_key report_keys[] = {
    { "out", "the file; report.html in the folder of the run, or here for several" },
    { NULL, NULL },
};
static const struct cli_key tune_keys[] = {
    { "device", "which one: see 'limbeck devices'" },
    { NULL, NULL },
};

const struct command cli_commands[] = {
    { "train", "[-c RECIPE] [key=value ...]", "train a student by a method, or plainly",
      CMD_KEYS | CMD_RUNS, train_keys,
      "--dry-run checks everything on one batch, tells what would be done and trains nothing; -v "
      "also lists the plan\n"
      "Other keys belong to the method, the models, the data and the run: see 'limbeck help method "
      "NAME' and\n"
      "'limbeck help settings'. The command line wins over recipes, and they over defaults.",
      "limbeck train -c plugins/reffakd/recipes/fashion_mnist.yaml epochs=3 out=runs/a\n"
      "limbeck train method=none data=fashion_mnist model=lenet5_bn epochs=3 seed=1 out=runs/b",
      cmd_train },
    { "resume", "RUN", "go on with a run that was stopped, bit for bit as if it had not been",
      CMD_KEYS | CMD_RUNS, train_keys, NULL, "limbeck resume runs/a", cmd_resume },
    { "eval", "RUN [key=value ...]", "score a trained student on the test data",
      CMD_KEYS | CMD_RUNS | CMD_JSON, train_keys, NULL, "limbeck eval runs/a --json", cmd_eval },
    { "predict", "RUN|WEIGHTS [IMAGE ...] out=DIR [key=value ...]",
      "what a trained network makes of pictures", CMD_KEYS | CMD_RUNS | CMD_JSON, predict_keys,
      "Pictures are PNG or JPEG, of any size that the network takes, and prepared as the run's own "
      "were. Without\n"
      "any, a part of the run's data set is answered, and judged if it has labels.\n"
      "Depth:  DIR/NAME_depth.png, colours with a scale in metres; DIR/NAME_depth_mm.png, 16 bits, "
      "millimetres,\n"
      "        0 = none, 65535 = 65.535 m or more\n"
      "Labels: DIR/NAME_overlay.png, over the picture, with a legend; DIR/NAME_label.png, the "
      "classes' numbers\n"
      "Class:  the five likeliest, on the standard output\n"
      "Answers are resampled to the picture's size: depth bilinear, labels nearest. A picture that "
      "fails is named,\n"
      "the others are done, and the exit code is that of the first failure.",
      "limbeck predict runs/a photo.jpg out=answers\n"
      "limbeck predict runs/a/student.safetensors *.png out=answers --json\n"
      "limbeck predict runs/a part=val out=answers",
      cmd_predict },
    { "compare", "RUN ... [key=value ...]",
      "which way of training is better, and whether that can be told", CMD_JSON | CMD_KEYS,
      compare_keys,
      "Runs that were told the same but for seed and folder are a group. Each is set against the "
      "baseline, which is\n"
      "the plain one or else the first: by pairs of runs of one seed, where both have the same "
      "seeds, "
      "or by Welch's t.",
      "limbeck compare runs/*\nlimbeck compare runs/* score=top5 baseline=runs/b --json",
      cmd_compare },
    { "report", "RUN ... [out=FILE]", "a page to look at: one run, or several side by side",
      CMD_KEYS, report_keys,
      "A run that ends has written its own. It is one file of HTML without anything that is read "
      "from elsewhere",
      "limbeck report runs/a\nlimbeck report runs/* out=all.html", cmd_report },
    { "list", "KIND",
      "what there is: methods, models, losses, sources, transforms, tasks, metrics, ops, backends, "
      "devices",
      CMD_JSON, NULL, NULL, "limbeck list methods\nlimbeck list losses --json", cmd_list },
    { "help", "[COMMAND | KIND NAME | exit-codes | settings]",
      "options of anything, from the tables the code uses", 0, NULL, NULL,
      "limbeck help method reffakd\nlimbeck help model resnet20\nlimbeck help exit-codes",
      cmd_help },
    { "devices", "[DEVICE]", "devices that can be used; of one of them all that is known", CMD_JSON,
      NULL,
      "With a device also its platform, driver, limits, results of probes, measured rates; it "
      "may take some seconds",
      "limbeck devices\nlimbeck devices opencl:0 --json", cmd_devices },
    { "doctor", "[out=DIR]", "what is wrong with the installation, and the command that mends it",
      CMD_JSON | CMD_KEYS, doctor_keys, NULL, "limbeck doctor", cmd_doctor },
    { "tune", "device=SPEC", "time the kernels a device can choose from, and keep the choice",
      CMD_KEYS, tune_keys, NULL, "limbeck tune device=opencl:0", cmd_tune },
    { "inspect", "FILE | model NAME [key=value ...]",
      "tensors of a file; parameters, multiply-adds, taps and shapes of a model",
      CMD_JSON | CMD_KEYS, NULL, "Keys of a model: input=3x32x32, classes=10, and its own options",
      "limbeck inspect runs/a/student.safetensors\nlimbeck inspect model resnet20 input=3x32x32 "
      "classes=100",
      cmd_inspect },
    { "convert", "FILE model=NAME out=FILE [key=value ...]",
      "weights from PyTorch, of torchvision's networks for one, or back to it", CMD_KEYS,
      convert_keys,
      "FILE is a state_dict as safetensors.torch.save_file() writes it. Every tensor must find its "
      "partner: what is\n"
      "missing, unexpected or of another shape is named, and nothing is written. "
      "num_batches_tracked is kept as metadata,\n"
      "so that it comes back. Other keys are options of the model: see 'limbeck help model NAME'",
      "limbeck convert resnet18.safetensors model=resnet18 out=weights.safetensors\n"
      "limbeck convert resnet18.safetensors model=resnet18 classes=11 last=new "
      "out=start.safetensors\n"
      "limbeck convert runs/a/student.safetensors model=resnet18 to=torch out=resnet18.safetensors",
      cmd_convert },
    { "loss", "NAME in=A.safetensors out=B.safetensors [key=value ...]",
      "value and gradients of a loss on given tensors", CMD_JSON | CMD_KEYS, loss_keys,
      "Other keys are options of the loss: see 'limbeck help loss NAME'",
      "limbeck loss kl in=a.safetensors out=b.safetensors temperature=4", cmd_loss },
    { "bench", "train key=value ... | op NAME key=value ...", "time a training step or an operator",
      CMD_JSON | CMD_KEYS, bench_keys,
      "Other keys are options of the model, or params of the operator: 'limbeck help op NAME'",
      "limbeck bench train model=resnet20 input=3x32x32 classes=100 batch=64 device=cpu --json\n"
      "limbeck bench op conv2d\n"
      "limbeck bench op conv2d shapes=64x16x32x32,16x16x3x3 pad=1 device=opencl",
      cmd_bench },
    { "plugin", "check FILE.so", "load a plugin in a process of its own and test what it registers",
      CMD_JSON | CMD_KEYS, NULL, NULL, "limbeck plugin check ./build/example.so", cmd_plugin },
    { "version", "", "version of the program and of the plugin ABI", CMD_JSON | CMD_NO_CTX, NULL,
      NULL, "limbeck version", cmd_version },
    { NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL },
};

const struct command *cli_command(const char *name)
{
    for (const struct command *k = cli_commands; k->name; k++) {
        if (!strcmp(k->name, name))
            return k;
    }
    return NULL;
}
