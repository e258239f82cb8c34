# How the program is built from what the Makefile says:
#   make            build/<model>.elf: the model with the test harness
#   make run        run it on input.bin in this directory; writes output.bin
#   make profile    the same with exact instruction counts per layer, where the board can count
# EXTRA_CFLAGS adds flags (-Werror, -fsanitize=address); it also goes to the linker.
EXTRA_CFLAGS ?=
WARNINGS := -std=c99 -Wall -Wextra
FLAGS := $(CPU) $(OPTIMIZE) -g -ffunction-sections -fdata-sections $(WARNINGS) \
	-I. -Iboard -Ikernels $(DEFINES)
BOARD_FLAGS := -DRN_MODEL=$(MODEL) -DRN_MODEL_MACROS=$(MODEL_MACROS) $(BOARD_DEFINES)
PLAIN := build/$(MODEL).elf
PROFILE := build/$(MODEL)-profile.elf
ifneq ($(LINKER_FILES),)
MAP = -Wl,-Map=$(@:.elf=.map)
endif

all: $(PLAIN)

define program
$(1): $$(SOURCES:%.c=build/$(2)/%.o) $$(BOARD_SOURCES:%.c=build/$(2)/%.o) $$(LINKER_FILES)
	$$(CC) $$(CPU) $$(OPTIMIZE) $$(EXTRA_CFLAGS) $$(filter %.o,$$^) -o $$@ $$(LINK) $$(MAP)

$$(SOURCES:%.c=build/$(2)/%.o): build/$(2)/%.o: %.c Makefile build/flags
	@mkdir -p $$(@D)
	$$(CC) $$(FLAGS) $(3) $$(EXTRA_CFLAGS) -MMD -MP -c $$< -o $$@

$$(BOARD_SOURCES:%.c=build/$(2)/%.o): build/$(2)/%.o: %.c Makefile build/flags
	@mkdir -p $$(@D)
	$$(CC) $$(FLAGS) $$(BOARD_FLAGS) $(3) $$(EXTRA_CFLAGS) -MMD -MP -c $$< -o $$@

-include $$(SOURCES:%.c=build/$(2)/%.d) $$(BOARD_SOURCES:%.c=build/$(2)/%.d)
endef
$(eval $(call program,$(PLAIN),plain,))
$(eval $(call program,$(PROFILE),profile,-DRN_PROFILE))

# Objects depend on the flags that they were made with.
build/flags: always
	@mkdir -p build
	@echo '$(EXTRA_CFLAGS)' | cmp -s - $@ || echo '$(EXTRA_CFLAGS)' > $@

run: $(PLAIN)
	$(RUN) $(PLAIN)

profile-build: $(PROFILE)
ifdef RUN_PROFILE
profile: $(PROFILE)
	$(RUN_PROFILE) $(PROFILE)
else
profile:
	@echo "this platform does not count instructions"; exit 1
endif

clean:
	rm -rf build

always:

.PHONY: all always run profile profile-build clean
